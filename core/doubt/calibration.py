"""When a word is marked: a combination of signals, and the score that one in twenty right words reaches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import NotApplicable
from ..statistics.estimate import Estimate
from ..statistics.proportion import share
from ..statistics.separation import separation
from .combination import Weight, fit, parts
from .measuring import Line
from .registry import signals
from .units import units

FLAGGED = 0.05
"""The share of right words that are marked."""
QUICK = ("logprob", "entropy", "attention_share", "spread")
"""Signals that need no further pass where attention was recorded while the answer was written."""
TIERS = ("quick", "full")
"""Which signals are combined: those that need no pass, or all."""


@dataclass(frozen=True)
class Usual:
    """Between which figures of a signal nine of ten right words lie."""

    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """A combination of signals of one tier, fitted to `wrong` and `right` words. A word is marked when its score is
    above `level`, which `FLAGGED` of the right words' scores out of fold are; `caught` says of how many wrong ones they
    were, `marked` of how many right ones, `auroc` how well they told them apart. `usual` tells by signal what right
    words have."""

    tier: str
    weights: tuple[Weight, ...]
    intercept: float
    level: float
    wrong: int
    right: int
    auroc: Estimate
    caught: Estimate
    marked: Estimate
    usual: Mapping[str, Usual]

    @property
    def keys(self) -> tuple[str, ...]:
        """The signals that it needs."""
        return tuple(weight.key for weight in self.weights)

    def score(self, values: Mapping[str, float]) -> float:
        """The log-odds that a word with these figures is wrong; NaN where one is missing."""
        return self.intercept + math.fsum(parts(self.weights, dict(values)).values())


def calibrate(lines: Sequence[Line], tier: str) -> Calibration:
    """Fit the signals of a tier to the words of a journal's lines. Raises NotApplicable where there are too few."""
    of = units(lines, "word")
    fitted = fit(of, QUICK if tier == "quick" else list(of.values))
    right = np.sort(fitted.out_of_fold[~of.wrong])
    level = float(right[min(len(right), math.ceil((1 - FLAGGED) * (len(right) + 1))) - 1])
    usual = {
        weight.key: Usual(*(float(end) for end in np.quantile(of.values[weight.key][~of.wrong], [0.05, 0.95])))
        for weight in fitted.weights
    }
    return Calibration(
        tier=tier,
        weights=fitted.weights,
        intercept=fitted.intercept,
        level=level,
        wrong=int(of.wrong.sum()),
        right=int((~of.wrong).sum()),
        auroc=separation(fitted.out_of_fold, of.wrong, of.cases).auroc,
        caught=share(fitted.out_of_fold[of.wrong] > level),
        marked=share(fitted.out_of_fold[~of.wrong] > level),
        usual=usual,
    )


def calibrations(lines: Sequence[Line]) -> tuple[tuple[Calibration, ...], str]:
    """Those of both tiers, or none and why."""
    try:
        return tuple(calibrate(lines, tier) for tier in TIERS), ""
    except NotApplicable as error:
        return (), str(error)


def check(calibration: Calibration) -> None:
    """Raises ValueError where its parts do not go together."""
    if calibration.tier not in TIERS:
        raise ValueError(f"there is no tier {calibration.tier[:40]!r}")
    numbers = [calibration.intercept, calibration.level]
    for weight in calibration.weights:
        if weight.key not in signals():
            raise ValueError(f"there is no signal {weight.key[:40]!r}")
        if weight.key not in calibration.usual:
            raise ValueError(f"usual.{weight.key} is missing")
        if not weight.spread > 0:
            raise ValueError(f"the spread of {weight.key} is not above 0")
        numbers += [weight.mean, weight.spread, weight.weight]
    if not calibration.weights or not all(map(math.isfinite, numbers)):
        raise ValueError("a weight or the level is no number")
