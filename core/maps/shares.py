"""How much of a map lies on the image, the question and the answer so far, with one statistic for all of them.

An image has hundreds of tokens and a question ten, so the brightest patch against the average word says nothing, and
neither does a sum against a mean. Sum and mean per token are given for every part alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from ..answer import Target, TokenKind, TokenLayout


class Part(StrEnum):
    """Where a score can lie.

    OWN are the positions that predict the target's tokens: methods that carry the residual stream along (rollout,
    relevancy) begin with a score of 1 there, which is about the method and not about the input.
    """

    IMAGE = "image"
    QUESTION = "question"
    EARLIER = "earlier answer"
    TEMPLATE = "template"
    OWN = "own place"


COMPARED = (Part.IMAGE, Part.QUESTION, Part.EARLIER)
"""The parts that a reader compares; the other two are told beside them."""


@dataclass(frozen=True)
class Share:
    """What one part got. `tokens` were looked at; `supports` and `opposes` are the sums of their positive and
    negative scores; `fraction` is this part's share of all absolute score in the parts that are compared (None for
    parts that are not, and where there is no score at all)."""

    part: Part
    tokens: int
    supports: float
    opposes: float
    fraction: float | None

    @property
    def mean_support(self) -> float:
        """Positive score per token; 0 for a part without tokens."""
        return self.supports / self.tokens if self.tokens else 0.0

    @property
    def mean_opposition(self) -> float:
        """Negative score per token; 0 for a part without tokens."""
        return self.opposes / self.tokens if self.tokens else 0.0


def parts(layout: TokenLayout, target: Target) -> dict[Part, tuple[int, ...]]:
    """The positions of each part, as far as the target can rest on them; each position is in one part at most.

    Text of earlier turns of the conversation counts as question.
    """
    answers = layout.positions(TokenKind.ANSWER)
    start = answers[0] if answers else len(layout)
    own = {start + index - 1 for index in target.tokens}
    groups = {
        Part.IMAGE: layout.positions(TokenKind.IMAGE),
        Part.QUESTION: layout.positions(TokenKind.TEXT),
        Part.EARLIER: tuple(position for position in answers if position < max(own)),
        Part.TEMPLATE: layout.positions(TokenKind.SPECIAL),
    }
    groups_of_words = {part: tuple(p for p in positions if p not in own) for part, positions in groups.items()}
    return {**groups_of_words, Part.OWN: tuple(sorted(own))}


def shares(scores: Float[np.ndarray, "position"], places: Mapping[Part, Sequence[int]]) -> tuple[Share, ...]:
    """Each part's share of a map. Positions that were not looked at (NaN) count nowhere."""
    weights = {part: float(np.nansum(np.abs(scores[list(positions)]))) for part, positions in places.items()}
    whole = sum(weights[part] for part in COMPARED)
    return tuple(
        _share(part, scores[list(positions)], weights[part] / whole if part in COMPARED and whole > 0 else None)
        for part, positions in places.items()
    )


def _share(part: Part, scores: Float[np.ndarray, "token"], fraction: float | None) -> Share:
    seen = scores[~np.isnan(scores)]
    return Share(
        part=part,
        tokens=len(seen),
        supports=float(seen[seen > 0].sum()),
        opposes=float(seen[seen < 0].sum()),
        fraction=fraction,
    )


def shares_by_layer(
    trace: Float[np.ndarray, "layer position"], places: Mapping[Part, Sequence[int]]
) -> dict[Part, Float[np.ndarray, "layer"]]:
    """The sum of each part's scores in every layer."""
    return {part: trace[:, list(positions)].sum(1) for part, positions in places.items()}


def shares_by_picture(
    scores: Float[np.ndarray, "position"], layout: TokenLayout, pictures: Sequence[int]
) -> Float[np.ndarray, "picture"]:
    """Each picture's share of all absolute score that lies on these pictures; NaN throughout where none does. Positions
    that were not looked at (NaN) count nowhere."""
    views = [[view for view in layout.views if view.image == picture] for picture in pictures]
    weights = np.array([sum(float(np.nansum(np.abs(scores[list(view.positions)]))) for view in own) for own in views])
    whole = weights.sum()
    return weights / whole if whole > 0 else np.full(len(weights), np.nan)
