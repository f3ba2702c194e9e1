"""How sure a mean over cases is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A mean over `cases` and the interval that holds it; NaN without cases, and no width for a single one."""

    mean: float
    low: float
    high: float
    cases: int


def interval(values: Sequence[float], level: float = 0.95, seed: int = 0) -> Interval:
    """The mean with its percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13): `DRAWS` resamples of the
    cases, from a seed. Values that are no number (a figure that a case does not have) are left out.
    """
    known = np.array([value for value in values if not np.isnan(value)], dtype=np.float64)
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    drawn = np.random.default_rng(seed).integers(0, len(known), (DRAWS, len(known)))
    low, high = np.quantile(known[drawn].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(known.mean()), float(low), float(high), len(known))
