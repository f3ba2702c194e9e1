"""How well one list of values can be told from another by their size, over the same cases."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .bootstrap import DRAWS
from .estimate import Estimate, nothing

BLOCK = 200
"""Resamples that are taken together: a bound on memory."""


def auroc(
    higher: Float[np.ndarray, "case"], lower: Float[np.ndarray, "case"], *, level: float = 0.95, seed: int = 0
) -> Estimate:
    """The area under the ROC curve: how often a value of `higher` lies above one of `lower` (Hanley and McNeil 1982;
    equal ones count half). .5 is chance, below it they are taken for each other.

    Both are of the same cases, so its percentile bootstrap interval draws cases, `DRAWS` times. Cases that lack a value
    are left out. Memory grows with the square of their number. Raises ValueError for lists of different lengths.
    """
    if higher.shape != lower.shape:
        raise ValueError(f"values of the same cases are compared, and there are {higher.size} and {lower.size}")
    known = np.isfinite(higher) & np.isfinite(lower)
    one, other = higher[known], lower[known]
    cases = len(one)
    if not cases:
        return nothing()
    wins = (one[:, None] > other[None]) + 0.5 * (one[:, None] == other[None])
    rng, chances = np.random.default_rng(seed), np.full(cases, 1 / cases)
    drawn = [
        np.einsum("di,ij,dj->d", times, wins, times, optimize=True) / cases**2
        for times in (rng.multinomial(cases, chances, BLOCK).astype(float) for _ in range(DRAWS // BLOCK))
    ]
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(wins.mean()), float(low), float(high), cases)
