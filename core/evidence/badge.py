"""Evidence in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..quantities import probability
from .ranking import QUOTED
from .result import Evidence, Result

UNCHANGED = 0.005


def badge(evidence: Evidence) -> str:
    """What taking away the map's top 20% of patches does to the target, beside the controls: "removing its top 20% of
    patches lowers the word's probability from 98.00% to 31.00%; random patches: 95.00%; the middle of the picture:
    80.00%". Of the first fill. Says what was not reached, where the test was stopped.
    """
    before, after = evidence.full, _left([evidence.tested])
    share = f"its top {100 * QUOTED:g}% of patches"
    word = "the word's probability" if evidence.target.rivals is None else "the word's probability against its rival"
    if math.isnan(before + after):
        return f"the test was stopped before {share} were removed"
    if abs(after - before) < UNCHANGED:
        change = f"leaves {word} at {figure(after)}"
    else:
        change = f"{'lowers' if after < before else 'raises'} {word} from {figure(before)} to {figure(after)}"
    random, middle = _left(evidence.random), _left([evidence.centre])
    controls = f"random patches: {figure(random)}; the middle of the picture: {figure(middle)}"
    return f"removing {share} {change}; {controls}"


def figure(value: float) -> str:
    """A probability for people; "not reached" where it was not measured."""
    return "not reached" if math.isnan(value) else probability(value)


def _left(results: Sequence[Result]) -> float:
    """The mean probability once the share that badges quote is gone."""
    return float(np.mean([result.curves[0].at(QUOTED) for result in results]))
