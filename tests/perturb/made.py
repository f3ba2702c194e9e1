"""Outcomes made by hand."""

from __future__ import annotations

import numpy as np

from core.perturb.perturbation import HiddenTokens
from core.perturb.prediction import Outcome, Prediction
from core.vlm.targets import TokenTarget


def became(change: float, flipped: bool) -> Outcome:
    """What became of one token: its log-probability changed, and perhaps another is more probable now."""
    return Outcome(HiddenTokens(frozenset({1})), _predicted(-1.0, 5), _predicted(-1.0 + change, 6 if flipped else 5))


def _predicted(logprob: float, top: int) -> Prediction:
    return Prediction((TokenTarget(0, 5),), np.array([logprob]), np.array([np.nan]), np.array([1 + (top != 5)]), (top,))
