"""How sure a mean over cases is of which several belong together, as questions about one picture do."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from .bootstrap import DRAWS, mean
from .estimate import Estimate, Unit, nothing
from .proportion import share


def mean_over_groups(
    values: Float[np.ndarray, "case"],
    groups: Int[np.ndarray, "case"],
    unit: Unit = "share",
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The mean of `values`, with an interval that draws whole groups (a cluster bootstrap: Efron & Tibshirani 1993,
    chapter 8): cases of one picture are no independent draws.

    Where every group is one case it is what `proportion.share` gives of values that are all 0 or 1, and what
    `bootstrap.mean` gives of others.
    """
    if not len(values):
        return nothing(unit=unit)
    every, of = np.unique(groups, return_inverse=True)
    if len(every) == len(values):
        if unit == "share" and np.isin(values, (0.0, 1.0)).all():
            return share(bool(value) for value in values)
        return mean(values, unit, level=level, seed=seed)
    sums, counts = np.bincount(of, values), np.bincount(of).astype(float)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(every), np.full(len(every), 1 / len(every)), DRAWS).astype(float)
    drawn = (times @ sums) / (times @ counts)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(values.mean()), float(low), float(high), len(values), unit)
