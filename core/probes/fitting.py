"""Linear probes: logistic regression on states, each case told by a probe that never saw its picture.

Alain and Bengio (2017), "Understanding intermediate layers using linear classifier probes", ICLR workshop: a linear
classifier reads a label off the states of one layer, and its accuracy on what it was not fitted to says how far the
label can be read there. Features are standardised by the cases it is fitted to; the penalty is fixed and never chosen
by what is told.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ..errors import NotApplicable

FOLDS = 5
PENALTY = 0.1
"""`C` of scikit-learn's logistic regression (L2), over standardised features."""
LEAST_EACH = 10
"""Pictures of each value of a label that a probe needs."""
MOST_ROUNDS = 1000
Fold = tuple[Int[np.ndarray, "train"], Int[np.ndarray, "test"]]


def folds_of(labels: Int[np.ndarray, "case"], pictures: Int[np.ndarray, "case"], seed: int = 0) -> list[Fold]:
    """Cases to fit to and cases to tell, `FOLDS` times: each case is told once, each label is in each fold about as
    often as in all, and no picture is on both sides. Raises NotApplicable where there are fewer than two values, or
    fewer than `LEAST_EACH` pictures of one."""
    values = np.unique(labels)
    fewest = min((len(np.unique(pictures[labels == value])) for value in values), default=0)
    if len(values) < 2 or fewest < LEAST_EACH:
        raise NotApplicable(
            f"A probe needs a label of at least two values with {LEAST_EACH} pictures each; here are {len(values)} "
            f"with {fewest} or more. Choose another label, or more cases."
        )
    from sklearn.model_selection import StratifiedGroupKFold

    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(labels, labels, pictures)
    return [(train, test) for train, test in split if len(test)]


def told(
    states: Float[np.ndarray, "case hidden"], labels: Int[np.ndarray, "set case"], folds: Sequence[Fold]
) -> Int[np.ndarray, "set case"]:
    """What probes fitted to the other folds say of each case, for each set of labels over the same cases."""
    said = np.zeros_like(labels)
    for train, test in folds:
        known, unknown = _prepared(states[train], states[test])
        for number, own in enumerate(labels):
            said[number, test] = _fitted(known, own[train], unknown)
    return said


def direction(states: Float[np.ndarray, "case hidden"], labels: Int[np.ndarray, "case"]) -> Float[np.ndarray, "hidden"]:
    """The direction in which a probe fitted to all these cases tells label 1 from label 0, as a vector of length 1 in
    the states' own units."""
    from sklearn.linear_model import LogisticRegression

    middle, spread = _scale(states)
    fitted = LogisticRegression(C=PENALTY, max_iter=MOST_ROUNDS).fit((states - middle) / spread, labels)
    slope = fitted.coef_[0] / spread
    return np.asarray(slope / np.linalg.norm(slope))


def _prepared(
    train: Float[np.ndarray, "train hidden"], test: Float[np.ndarray, "test hidden"]
) -> tuple[Float[np.ndarray, "train feature"], Float[np.ndarray, "test feature"]]:
    """Both standardised by the former. Of more features than cases both are turned into the space that the cases span:
    the penalty knows no directions, so the probe is the same, and is found sooner."""
    middle, spread = _scale(train)
    known, unknown = (np.asarray((part - middle) / spread, np.float64) for part in (train, test))
    if known.shape[1] <= known.shape[0]:
        return known, unknown
    axes = np.linalg.svd(known, full_matrices=False)[2].T
    return known @ axes, unknown @ axes


def _scale(
    states: Float[np.ndarray, "case hidden"],
) -> tuple[Float[np.ndarray, "hidden"], Float[np.ndarray, "hidden"]]:
    """Mean and standard deviation of each feature; 1 where it never varies."""
    spread = states.std(0, dtype=np.float64)
    return states.mean(0, dtype=np.float64), np.where(spread > 0, spread, 1.0)


def _fitted(
    known: Float[np.ndarray, "train feature"],
    labels: Int[np.ndarray, "train"],
    unknown: Float[np.ndarray, "test feature"],
) -> Int[np.ndarray, "test"]:
    if len(np.unique(labels)) < 2:
        return np.full(len(unknown), labels[0])
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=PENALTY, max_iter=MOST_ROUNDS).fit(known, labels)
    return np.asarray(fitted.predict(unknown))
