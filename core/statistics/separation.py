"""How well one figure tells wrong from right, over cases of which some are the one and some the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from .bootstrap import DRAWS
from .estimate import Estimate, nothing
from .proportion import Proportion

BLOCK = 200
"""Resamples that are taken together: a bound on memory."""


@dataclass(frozen=True)
class Separation:
    """The area under the ROC curve, and by how much it lies above that of another figure over the same units (no value
    where no other was given). `count` of both are units."""

    auroc: Estimate
    beyond: Estimate


def separation(
    doubt: Float[np.ndarray, "unit"],
    wrong: Bool[np.ndarray, "unit"],
    cases: Sequence[str],
    baseline: Float[np.ndarray, "unit"] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Separation:
    """How often a wrong unit has more `doubt` than a right one (Hanley and McNeil 1982; equal ones count half): .5 is
    chance. Units of one case (words of one answer) are no independent draws: the percentile bootstrap draws cases,
    `DRAWS` times, the same ones for the baseline. Draws that lack a class are left out.

    Where all units are told apart no draw differs; there the interval ends at Wilson's bound for as many pairs as the
    rarer class has cases, which share no case and so are independent. Units that lack a figure are left out; nothing
    can be told of one class alone. Raises ValueError for lists of different lengths.
    """
    if not len(doubt) == len(wrong) == len(cases) or (baseline is not None and len(baseline) != len(doubt)):
        raise ValueError("a figure, a verdict and a case are needed of each unit")
    known = np.isfinite(doubt) if baseline is None else np.isfinite(doubt) & np.isfinite(baseline)
    doubt, wrong = doubt[known], wrong[known]
    if wrong.all() or not wrong.any():
        return Separation(nothing(len(wrong)), nothing(len(wrong)))
    numbers = np.unique(np.asarray(cases)[known], return_inverse=True)[1]
    tail = (1 - level) / 2
    value, drawn = _areas(doubt, wrong, numbers, seed)
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    if value in (0.0, 1.0):
        pairs = min(len(set(numbers[wrong])), len(set(numbers[~wrong])))
        sure = Proportion(pairs, pairs).estimate.low
        low, high = (sure, 1.0) if value == 1.0 else (0.0, 1.0 - sure)
    auroc = Estimate(value, float(low), float(high), len(wrong))
    if baseline is None:
        return Separation(auroc, nothing(len(wrong)))
    other, other_drawn = _areas(baseline[known], wrong, numbers, seed)
    ends = np.nanquantile(drawn - other_drawn, [tail, 1 - tail])
    return Separation(auroc, Estimate(value - other, float(ends[0]), float(ends[1]), len(wrong)))


def _areas(
    doubt: Float[np.ndarray, "unit"], wrong: Bool[np.ndarray, "unit"], cases: Int[np.ndarray, "unit"], seed: int
) -> tuple[float, Float[np.ndarray, "draw"]]:
    """The area, and that of each resample of cases; NaN where one lacks a class."""
    one, other = doubt[wrong], doubt[~wrong]
    wins = (one[:, None] > other[None]) + 0.5 * (one[:, None] == other[None])
    number = int(cases.max()) + 1
    rng, chances = np.random.default_rng(seed), np.full(number, 1 / number)
    drawn = []
    for _ in range(DRAWS // BLOCK):
        times = rng.multinomial(number, chances, BLOCK).astype(float)
        of_wrong, of_right = times[:, cases[wrong]], times[:, cases[~wrong]]
        pairs = of_wrong.sum(1) * of_right.sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn.append(((of_wrong @ wins) * of_right).sum(1) / pairs)
    return float(wins.mean()), np.concatenate(drawn)
