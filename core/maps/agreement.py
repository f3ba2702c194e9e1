"""Do two maps point to the same places? Ranks, because scores of two methods have no common unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..statistics.rank_correlation import spearman

TOP = 10


@dataclass(frozen=True)
class Agreement:
    """`rank` is Spearman's correlation (1 same order, 0 unrelated, -1 reversed; NaN where a map is flat);
    `overlap` the share of the `top` highest places that both have, and `chance` what two unrelated maps would share.
    `places` were looked at by both."""

    rank: float
    overlap: float
    chance: float
    top: int
    places: int


def agreement(first: Float[np.ndarray, "place"], second: Float[np.ndarray, "place"], top: int = TOP) -> Agreement:
    """How far two maps over the same places agree, where both have a score. Raises ValueError for other shapes.

    Places of equal score share their rank, and share what is left of the top: the result depends on no order.
    """
    if first.shape != second.shape:
        raise ValueError("two maps are compared over the same places")
    both = ~(np.isnan(first) | np.isnan(second))
    one, other = first[both], second[both]
    top = min(top, len(one))
    if not top:
        return Agreement(float("nan"), float("nan"), float("nan"), 0, 0)
    overlap = float(_membership(one, top) @ _membership(other, top)) / top
    return Agreement(float(spearman(one, other)), overlap, top / len(one), top, len(one))


def agreement_table(
    maps: Sequence[Float[np.ndarray, "place"]], top: int = TOP
) -> tuple[Float[np.ndarray, "map map"], Float[np.ndarray, "map map"]]:
    """Rank correlation and top overlap of every pair of maps."""
    pairs = [[agreement(one, other, top) for other in maps] for one in maps]
    return (
        np.array([[pair.rank for pair in row] for row in pairs]),
        np.array([[pair.overlap for pair in row] for row in pairs]),
    )


def _membership(scores: Float[np.ndarray, "place"], top: int) -> Float[np.ndarray, "place"]:
    """How probably each place is among the `top` highest when ties are broken by lot."""
    threshold = np.sort(scores)[-top]
    above, tied = scores > threshold, scores == threshold
    return above + tied * (top - above.sum()) / tied.sum()
