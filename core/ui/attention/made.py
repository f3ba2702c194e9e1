"""Rows of attention on screen with what makes them again, for their scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...answer import Target
from ...attention.rows import Rows
from ...attention.words import Word, question_words
from ...runs.kinds import ATTENTION_ROWS
from ..widgets.scripts import Made
from .subject import Subject
from .view import AttentionView


def rows_made(view: AttentionView, subject: Subject, about: Mapping[str, object]) -> Made:
    """The rows of the subject; `about` says how they are shown."""
    answer = subject.answer
    if subject.of_question and view.word is not None:
        # Where not all of them found room, the last are shown.
        positions = question_words(answer)[view.word].positions[-len(subject.rows.queries) :]
    else:
        positions = tuple(answer.predicting_position(token) for token in subject.tokens)
    return _made(subject, every_layer(subject.rows), {"positions": positions, **about})


def words_made(
    subject: Subject,
    rows: Tensor,
    queries: Sequence[int],
    asked: Sequence[Word],
    said: Sequence[Word],
    about: Mapping[str, object],
) -> Made:
    """The rows of some words of question and answer; those of the question's positions `queries` are `rows`."""
    answer, start = subject.answer, len(subject.answer.prompt_tokens)
    read = [position for word in asked for position in word.positions if position in queries]
    tokens = [position - start for word in said for position in word.positions]
    parts = [rows[:, :, [queries.index(position) for position in read]].float()]
    if tokens:
        parts.append(every_layer(subject.said_rows(tokens)).float())
    wide = max(part.shape[-1] for part in parts)
    both = torch.cat([torch.nn.functional.pad(part, (0, wide - part.shape[-1])) for part in parts], 2)
    positions = (*read, *(answer.predicting_position(token) for token in tokens))
    target = {} if subject.of_question else {"target": Target(subject.tokens)}
    return _made(subject, both, {"positions": positions, "of_question": len(read), **target, **about})


def every_layer(rows: Rows) -> Tensor:
    """The weights of some rows with every layer in its place; those that are not kept are NaN."""
    own = rows.weights[:, :, list(rows.queries)]
    if rows.numbers is None:
        return own
    whole = torch.full((rows.layers, *own.shape[1:]), torch.nan, dtype=own.dtype, device=own.device)
    whole[list(rows.numbers)] = own
    return whole


def _made(subject: Subject, weights: Tensor, about: dict[str, object]) -> Made:
    left_out = {"left_out": subject.left_out} if subject.left_out else {}
    return Made(ATTENTION_ROWS, weights, {**about, **left_out})
