"""How sure a mean over cases is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .estimate import Estimate, Unit, nothing

DRAWS = 2000


def mean(values: Iterable[float], unit: Unit = "share", *, level: float = 0.95, seed: int = 0) -> Estimate:
    """The mean with its percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13): `DRAWS` resamples of the
    cases, from a seed. Values that are no number (a figure that a case does not have) are left out; NaN of none, and
    no width for a single one.
    """
    known = np.array([value for value in values if not np.isnan(value)], dtype=np.float64)
    if not len(known):
        return nothing(unit=unit)
    if len(known) == 1:
        return Estimate(float(known[0]), float(known[0]), float(known[0]), 1, unit)
    from scipy.stats import bootstrap

    ends = bootstrap(
        (known,),
        np.mean,
        n_resamples=DRAWS,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(float(known.mean()), float(ends.low), float(ends.high), len(known), unit)
