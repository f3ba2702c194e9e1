"""Words of the question and the answer: who looks at whom.

A question word's row is that of its own position: what was looked at while it was read. An answer word's rows are
those that predicted its tokens: what was looked at while it was chosen, one position earlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Head
from ..words import grouped
from .rows import Rows, nanmean


@dataclass(frozen=True)
class Word:
    """A word, the sequence positions of its tokens, and whether the model said it."""

    text: str
    positions: tuple[int, ...]
    said: bool


def question_words(answer: Answer) -> tuple[Word, ...]:
    """The question's tokens grouped as answers are: one that begins with white space begins a word."""
    asked = answer.layout.question()
    texts = [answer.prompt_tokens[position] for position in asked]
    return tuple(
        Word("".join(texts[index] for index in group), tuple(asked[index] for index in group), said=False)
        for group in grouped(texts)
    )


def answer_words(answer: Answer) -> tuple[Word, ...]:
    """The answer's words."""
    start = len(answer.prompt_tokens)
    return tuple(
        Word("".join(answer.tokens[i].text for i in group), tuple(start + i for i in group), said=True)
        for group in answer.words()
    )


def word_to_word(
    looks: Float[np.ndarray, "query position"], queries: Sequence[Sequence[int]], keys: Sequence[Sequence[int]]
) -> Float[np.ndarray, "word key_word"]:
    """How much each word looks at each word: the mean over its rows of the sum over the other's positions.

    `queries` are row indices of each looking word, `keys` positions of each word looked at.
    """
    onto = np.stack([looks[:, list(key)].sum(-1) for key in keys], axis=-1)
    return np.stack([nanmean(onto[list(query)], 0) for query in queries])


def attention_to_patches(
    rows: Rows, patches: Sequence[int], queries: Sequence[Sequence[int]]
) -> Float[np.ndarray, "layers heads word"]:
    """How much of each word's attention lies on some patches, in every head. `queries` index `rows.queries`."""
    result = []
    for layer in rows.all_layers():
        on = layer[..., list(patches)].sum(-1)
        result.append(np.stack([nanmean(on[:, list(query)], -1) for query in queries], axis=-1))
    return np.stack(result)


def where_heads_look(rows: Rows, layer: int) -> Float[np.ndarray, "heads position"]:
    """Where each head of a layer looks, averaged over the queries."""
    return nanmean(rows.layer(layer), 1)


def where(rows: Rows, head: Head | None) -> Float[np.ndarray, "position"]:
    """Where one head looks, or the mean of all, averaged over the queries."""
    return nanmean(rows.looks(head), 0)
