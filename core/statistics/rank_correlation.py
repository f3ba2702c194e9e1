"""Spearman's correlation, of one pair of lists or of many, and how far it would move had other cases been drawn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from .bootstrap import DRAWS
from .estimate import Estimate, nothing
from .linear_correlation import pearson

BLOCK = 200
"""Resamples that are ranked together: a bound on memory."""


def spearman(
    first: Float[np.ndarray, "*batch case"], second: Float[np.ndarray, "*batch case"]
) -> Float[np.ndarray, "*batch"]:
    """Spearman's rank correlation along the last axis (1 same order, 0 unrelated, -1 reversed). Equal values share
    their rank. NaN where either never varies."""
    from scipy.stats import rankdata

    return pearson(rankdata(first, axis=-1), rankdata(second, axis=-1))


def rank_correlation(
    first: Float[np.ndarray, "case"], second: Float[np.ndarray, "case"], *, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Spearman's correlation over cases with its percentile bootstrap interval: `DRAWS` resamples of the cases. Cases
    that lack a value are left out. NaN where either value never varies."""
    known = np.isfinite(first) & np.isfinite(second)
    one, other = first[known], second[known]
    cases = len(one)
    if not cases:
        return nothing(unit="correlation")
    rng, chances = np.random.default_rng(seed), np.full(cases, 1 / cases)
    drawn = np.concatenate(
        [_resampled(one, other, rng.multinomial(cases, chances, BLOCK)) for _ in range(DRAWS // BLOCK)]
    )
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) if len(drawn) else (np.nan, np.nan)
    return Estimate(float(spearman(one, other)), float(low), float(high), cases, "correlation")


def _resampled(
    one: Float[np.ndarray, "case"], other: Float[np.ndarray, "case"], times: Int[np.ndarray, "draw case"]
) -> Float[np.ndarray, "draw"]:
    """The correlation when each case is drawn so many times."""
    draws, cases = times.shape
    rows = np.repeat(np.tile(np.arange(cases), draws), times.ravel()).reshape(draws, cases)
    return spearman(one[rows], other[rows])
