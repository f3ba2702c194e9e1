"""Spearman's correlation over cases, and how far it would move had other cases been drawn.

A resample of cases is a number of times that each is drawn, so its ranks are sums over the sorted cases, and all
resamples are ranked at once.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from ..evidence.bootstrap import DRAWS, Interval

BLOCK = 200
"""Resamples that are ranked together: a bound on memory."""


def rank_correlation(
    first: Float[np.ndarray, "case"], second: Float[np.ndarray, "case"], level: float = 0.95, seed: int = 0
) -> Interval:
    """Spearman's correlation (equal values share their rank) with its percentile bootstrap interval over cases. Cases
    that lack a value are left out. NaN where either value never varies."""
    known = np.isfinite(first) & np.isfinite(second)
    one, other = first[known], second[known]
    cases = len(one)
    if not cases:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    value = float(_weighted(one, other, np.ones((1, cases), dtype=int))[0])
    rng = np.random.default_rng(seed)
    chances = np.full(cases, 1 / cases)
    drawn = [_weighted(one, other, rng.multinomial(cases, chances, BLOCK)) for _ in range(DRAWS // BLOCK)]
    found = np.concatenate(drawn)
    found = found[np.isfinite(found)]
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(found, tails) if len(found) else (np.nan, np.nan)
    return Interval(value, float(low), float(high), cases)


def _weighted(
    one: Float[np.ndarray, "case"], other: Float[np.ndarray, "case"], times: Int[np.ndarray, "draw case"]
) -> Float[np.ndarray, "draw"]:
    """The correlation of ranks when each case is drawn so many times."""
    total = times.sum(1, keepdims=True)
    ranks = [_ranks(values, times) for values in (one, other)]
    x, y = (rank - (times * rank).sum(1, keepdims=True) / total for rank in ranks)
    scale = np.sqrt((times * x * x).sum(1) * (times * y * y).sum(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, (times * x * y).sum(1) / scale, np.nan)


def _ranks(values: Float[np.ndarray, "case"], times: Int[np.ndarray, "draw case"]) -> Float[np.ndarray, "draw case"]:
    """The mean rank of each case's value among all that are drawn, from 1 up."""
    order = np.argsort(values, kind="stable")
    _, starts, place = np.unique(values[order], return_index=True, return_inverse=True)
    equal = np.add.reduceat(times[:, order], starts, axis=1)
    mean = np.cumsum(equal, axis=1) - (equal - 1) / 2
    ranks = np.empty(times.shape)
    ranks[:, order] = mean[:, place]
    return ranks
