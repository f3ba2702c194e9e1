"""Whose looks are shown: the target's, or those of a question word."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...answer import Answer, HeldRows
from ...attention.measures import measured
from ...attention.rows import Rows, rows_among
from ...attention.sinks import Sinks, sinks_among
from ...attention.words import question_words, where
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from ..state.results import answer_key
from ..state.target import describe_target
from ..state.workspace import Workspace
from .view import HEAD_FIGURES, LOOKS, ROWS, SINKS, AttentionView

MOST_QUESTION_BYTES = 2**28
READING = "reading the question again"


@dataclass(frozen=True, eq=False)
class Subject:
    """The rows that head map and picture show, in words whose they are (untrusted text), and the number of the picture
    they are laid over. `held` are all rows of the answer that are at hand, `tokens` those of the answer that the rows
    shown are of; none, where they are a question word's."""

    answer: Answer
    held: HeldRows
    tokens: tuple[int, ...]
    rows: Rows
    label: str
    of_question: bool
    image: int

    def said_rows(self, tokens: Sequence[int]) -> Rows:
        """The rows of some of the answer's tokens, which must be at hand."""
        return rows_among(self.held, tokens, self.left_out)

    @property
    def left_out(self) -> tuple[int, ...]:
        return self.rows.left_out

    @property
    def key(self) -> Hashable:
        """What rows these are."""
        held = None if self.of_question else (self.held.tokens, self.held.layers)
        return answer_key(self.answer), held, self.rows.queries, self.left_out

    def said(self) -> str:
        """What was left out, as a half-sentence for captions; empty when nothing was."""
        number = len(self.left_out)
        return f"; {number} sink{'s' * (number > 1)} left out, the rest made to sum to one" if number else ""


def figures_of(view: AttentionView, subject: Subject) -> Float[np.ndarray, "layers heads"]:
    """Every head's figure by the measure that is chosen, found out once."""
    patches = view.patches if view.measure == "patches" else ()
    key = (subject.key, view.measure, patches)
    figures = view.results.get(HEAD_FIGURES, key)
    if figures is None:
        figures = measured(subject.rows, subject.answer.layout, view.measure, patches)
        view.results.keep(HEAD_FIGURES, key, figures)
    return figures


def looks_of(view: AttentionView, subject: Subject) -> Float[np.ndarray, "position"]:
    """Where the chosen head looks, or the mean of all, found out once."""
    key = (subject.key, view.head)
    looks = view.results.get(LOOKS, key)
    if looks is None:
        looks = where(subject.rows, view.head)
        view.results.keep(LOOKS, key, looks)
    return looks


def sinks_of(view: AttentionView, answer: Answer, held: HeldRows) -> Sinks:
    """The sinks of an answer's attention, looked for once."""
    key = (answer_key(answer), held.tokens, held.layers)
    sinks = view.results.get(SINKS, key)
    if sinks is None:
        sinks = sinks_among(held, answer.layout.kinds)
        view.results.keep(SINKS, key, sinks)
    return sinks


def subject_of(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, held: HeldRows, view: AttentionView
) -> Subject:
    """The question word that was clicked, or else the target; all of the answer that has rows where there is no
    target."""
    left_out = tuple(sink.position for sink in sinks_of(view, answer, held).all if sink.kind in view.left_out)
    kept = view.results.get(ROWS, question_key(answer, model))
    if view.word is not None and kept is not None:
        asked = question_queries(answer, model)
        word = question_words(answer)[view.word]
        queries = tuple(asked.index(position) for position in word.positions if position in asked)
        if queries:
            rows = Rows(kept, queries, left_out)
            return Subject(
                answer,
                held,
                (),
                rows,
                f"the question's word “{word.text.strip()}”, while it was read",
                True,
                workspace.shown_image,
            )
    tokens = tuple(
        token
        for token in (workspace.target.tokens if workspace.target else range(len(answer.tokens)))
        if token in held.tokens
    )
    label = describe_target(answer, workspace.target, model).split(" rather than ")[0]
    return Subject(answer, held, tokens, rows_among(held, tokens, left_out), label, False, workspace.shown_image)


def question_key(answer: Answer, model: VisionLanguageModel) -> Hashable:
    return answer_key(answer), question_queries(answer, model)


def question_queries(answer: Answer, model: VisionLanguageModel) -> tuple[int, ...]:
    """The question's positions whose rows are asked for: all, or the last ones that fit into memory."""
    positions = [position for word in question_words(answer) for position in word.positions]
    row = model.card.layers * model.card.heads * len(answer.layout) * 4
    return tuple(positions[-max(1, MOST_QUESTION_BYTES // row) :])


def question_rows(view: AttentionView, model: VisionLanguageModel, answer: Answer) -> Tensor | None:
    """The rows of the question's words, read now where they are not there yet; None where that was stopped or failed:
    then it has been said, with a button to try again."""
    return view.obtain(
        model,
        ROWS,
        question_key(answer, model),
        READING,
        READING,
        lambda cancel, report: _read(model, answer),
        forecast(model, answer, Passes(forward=1)),
    )


def _read(model: VisionLanguageModel, answer: Answer) -> Tensor:
    """The rows of the question's words from one pass, padded to the whole sequence."""
    rows = model.attention_rows(answer, question_queries(answer, model)).cpu()
    missing = len(answer.layout) - rows.shape[-1]
    return torch.nn.functional.pad(rows, (0, missing)) if missing else rows
