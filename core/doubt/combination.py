"""Several signals as one: logistic regression, held against words that it was not fitted to.

Nothing is chosen by looking: all signals that every unit has go in, each less its mean and over its standard deviation,
with scikit-learn's default penalty (C = 1). What is told of a combination is told of scores out of fold, every one of
which comes from a fit that saw no word of the same case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..errors import NotApplicable
from .registry import signals
from .units import SAYS, Units, doubt_of

FOLDS = 5
LEAST = 20
"""Cases of each class that a combination is fitted to, at least."""
PENALTY = 1.0


@dataclass(frozen=True)
class Weight:
    """One signal of a combination: its doubt less `mean` over `spread`, times `weight`."""

    key: str
    mean: float
    spread: float
    weight: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """A combination fitted to all units, and the scores (log-odds) that those of other folds gave each of them."""

    weights: tuple[Weight, ...]
    intercept: float
    out_of_fold: Float[np.ndarray, "unit"]


def fit(of: Units, keys: Sequence[str], seed: int = 0) -> Fitted:
    """Fit the combination of some signals. Raises NotApplicable where a class has too few cases, or no signal is had of
    all units."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    check_classes(of, LEAST, "fitted")
    had = [key for key in keys if key in of.values and np.isfinite(_doubt(of, key)).all()]
    if not had:
        raise NotApplicable("No signal was had of every word, so there is nothing to combine. Choose other signals.")
    doubts = np.stack([_doubt(of, key) for key in had], axis=1)
    scores = np.full(len(of.wrong), np.nan)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for training, held in folds.split(doubts, of.wrong, of.cases):
        mean, spread = _scale(doubts[training])
        model = LogisticRegression(C=PENALTY, max_iter=1000).fit((doubts[training] - mean) / spread, of.wrong[training])
        scores[held] = model.decision_function((doubts[held] - mean) / spread)
    mean, spread = _scale(doubts)
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit((doubts - mean) / spread, of.wrong)
    weights = (
        Weight(key, float(mean[number]), float(spread[number]), float(model.coef_[0, number]))
        for number, key in enumerate(had)
    )
    return Fitted(tuple(weights), float(model.intercept_[0]), scores)


def parts(weights: Sequence[Weight], values: dict[str, float]) -> dict[str, float]:
    """What each signal of a combination adds to a word's score, by the word's figures; NaN for a figure that is not
    there."""
    added = {}
    for one in weights:
        doubt = float(doubt_of(signals()[one.key], np.array([values.get(one.key, math.nan)]))[0])
        added[one.key] = one.weight * (doubt - one.mean) / one.spread
    return added


def check_classes(of: Units, least: int, what: str) -> None:
    """Raises NotApplicable where either class has fewer than so many cases."""
    for said, told in ((True, "what"), (False, "not what")):
        cases = {case for case, wrong in zip(of.cases, of.wrong, strict=True) if bool(wrong) is said}
        if len(cases) < least:
            raise NotApplicable(
                f"Of “{SAYS[of.label]}” {len(cases)} cases are {told} it says, and {least} are needed: nothing was "
                f"{what}. Measure more cases, or a set in which the model errs more often."
            )


def _doubt(of: Units, key: str) -> Float[np.ndarray, "unit"]:
    return doubt_of(signals()[key], of.values[key])


def _scale(
    doubts: Float[np.ndarray, "unit signal"],
) -> tuple[Float[np.ndarray, "signal"], Float[np.ndarray, "signal"]]:
    """Means and standard deviations; a signal that is the same everywhere is left as it is."""
    spread = doubts.std(0)
    return doubts.mean(0), np.where(spread > 0, spread, 1.0)
