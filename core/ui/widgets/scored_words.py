"""Question and answer token by token with the scores of a map, for a chart of words."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...answer import Answer, Target, TokenKind
from ...charts.words import ScoredToken
from ...maps.shares import Part

TALL = 40
"""Tokens of question and answer from which on their chart scrolls."""


def scored_tokens(
    answer: Answer, target: Target, scores: Float[np.ndarray, "position"], places: dict[Part, tuple[int, ...]]
) -> list[ScoredToken]:
    """Question and answer, token by token, with the scores of those that the target can rest on."""
    labels = answer.labels
    start = len(answer.prompt_tokens)
    explained = {start + index for index in target.tokens}
    counted = {*places[Part.QUESTION], *places[Part.EARLIER]}
    own = set(places[Part.OWN])
    groups = ((TokenKind.TEXT, "question"), (TokenKind.ANSWER, "answer"))
    chips = []
    for kind, group in groups:
        former = None
        for position in answer.layout.positions(kind):
            opens = former != position - 1 or labels[position][:1].isspace()
            score = float(scores[position]) if position in counted else None
            note = _note(position, explained, own, score)
            chips.append(ScoredToken(labels[position], score, group, opens, position in explained, note))
            former = position
    return chips


def _note(position: int, explained: set[int], own: set[int], score: float | None) -> str:
    if position in explained:
        return "explained here"
    if position in own:
        return "predicts what is explained: not on the scale"
    if score is None:
        return "comes after what is explained"
    return "not looked at" if np.isnan(score) else "scored"
