"""Are two tokens independent, given some others? Fisher's z on partial correlations, many at a time.

One factorisation of the correlations of a conditioning set serves every pair of a node with others, and many sets are
factorised at once: the loops below run over the size of a set, never over sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt, tanh
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Int

from ..errors import SettingsError

TINY = 1e-13
"""Least residual variance: below it is rounding, as where a node is conditioned on itself."""


@dataclass(frozen=True)
class FisherZ:
    """The test, with its two settings.

    `sample_size`: how many independent observations the correlations are taken to rest on. An attention row is not a
    sample, so this is a dial, not a count: the larger, the weaker a correlation that still counts as dependence.
    `alpha`: pairs whose p-value exceeds it are called independent; the smaller, the fewer edges remain. The published
    defaults are 128 and 1e-5; the method's own notebook takes the hidden size and 1e-2.

    Raises SettingsError for values that leave nothing to test.
    """

    sample_size: int
    alpha: float

    def __post_init__(self) -> None:
        if self.sample_size < 4:
            raise SettingsError("The sample size must be at least 4: the test has no degree of freedom below.")
        if not 0 < self.alpha < 1:
            raise SettingsError("Alpha must lie between 0 and 1; usual values are 0.00001 to 0.01.")

    @property
    def largest_set(self) -> int:
        """The largest conditioning set that leaves a degree of freedom."""
        return self.sample_size - 4

    def critical(self, size: int) -> float:
        """The partial correlation, given `size` nodes, below which a pair is called independent."""
        return tanh(-NormalDist().inv_cdf(self.alpha / 2) / sqrt(self.sample_size - size - 3))

    def p_value(self, correlation: float, size: int) -> float:
        """The two-sided p-value of a partial correlation given `size` nodes; 0 for a perfect one."""
        if abs(correlation) >= 1:
            return 0.0
        return erfc(float(np.arctanh(abs(correlation))) * sqrt((self.sample_size - size - 3) / 2))


def partial_correlations(
    correlation: Float[np.ndarray, "node node"],
    base: int,
    others: Int[np.ndarray, "other"],
    given: Int[np.ndarray, "subset size"],
) -> Float[np.ndarray, "subset other"]:
    """The partial correlation of `base` with each of `others`, given each of the subsets.

    By forward substitution through the Cholesky factor of each subset's correlations: with Y = L^-1 C[S, :], the
    residual covariance is C - Y^T Y. Entries where the other node is in the subset are meaningless, and near 0.
    """
    targets = np.append(others, base)
    columns = np.ascontiguousarray(correlation[:, targets])
    covariance = np.broadcast_to(correlation[base, targets], (len(given), len(targets))).copy()
    variance = np.ones_like(covariance) * correlation[targets, targets]
    lower: list[list[Float[np.ndarray, "subset"]]] = []
    solved: list[Float[np.ndarray, "subset other"]] = []
    for step, node in enumerate(given.T):
        row: list[Float[np.ndarray, "subset"]] = []
        rest = correlation[node, node].astype(float)
        for earlier in range(step):
            value = correlation[node, given[:, earlier]].astype(float)
            for index in range(earlier):
                value -= row[index] * lower[earlier][index]
            value /= lower[earlier][earlier]
            rest -= value * value
            row.append(value)
        row.append(np.sqrt(np.maximum(rest, TINY)))
        lower.append(row)
        solution = columns[node]
        for earlier in range(step):
            solution -= row[earlier][:, None] * solved[earlier]
        solution /= row[step][:, None]
        solved.append(solution)
        covariance -= solution[:, -1:] * solution
        variance -= solution * solution
    variance = np.maximum(variance, TINY)
    scale = np.sqrt(variance[:, :-1] * variance[:, -1:])
    return np.asarray(covariance[:, :-1] / scale)


def partial_correlation(
    correlation: Float[np.ndarray, "node node"], a: int, b: int, given: tuple[int, ...] = ()
) -> float:
    """The partial correlation of two nodes given some others, none of them among the two."""
    return float(partial_correlations(correlation, a, np.array([b]), np.array([given], np.intp))[0, 0])


def first_order(
    correlation: Float[np.ndarray, "node node"],
) -> Float[np.ndarray, "node node node"]:
    """The partial correlation of every pair given every single node: [a, b, given]. NaN where two are the same."""
    c = correlation
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt(np.maximum(1 - c * c, 0))
        result = (c[:, :, None] - c[:, None, :] * c[None, :, :]) / (left[:, None, :] * left[None, :, :])
    each = np.arange(len(c))
    result[each, :, each] = np.nan
    result[:, each, each] = np.nan
    result[each, each, :] = np.nan
    return np.asarray(result)
