"""Partial correlations and Fisher's z against their definitions."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from core.causal.independence import FisherZ, first_order, partial_correlation, partial_correlations
from core.errors import SettingsError
from tests.causal.literal import inverse_partial_correlation
from tests.causal.worlds import world


def random_correlation(nodes: int, seed: int = 0) -> np.ndarray:
    return np.corrcoef(np.random.default_rng(seed).normal(size=(nodes, 3 * nodes)))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 8])
def test_partial_correlations_equal_a_direct_inverse(size: int) -> None:
    correlation = random_correlation(12, size)
    chosen_sets = list(combinations(range(2, 12), size))[:60]
    sets = np.array(chosen_sets, np.intp).reshape(len(chosen_sets), size)
    correlated = partial_correlations(correlation, 0, np.array([1]), sets)[:, 0]
    expected = [inverse_partial_correlation(correlation, 0, 1, tuple(chosen)) for chosen in sets.tolist()]
    assert np.abs(correlated - expected).max() < 1e-10


def test_one_factorisation_serves_all_other_nodes() -> None:
    correlation = random_correlation(9)
    sets = np.array([[1, 2, 3], [6, 2, 8]])
    correlated = partial_correlations(correlation, 5, np.array([0, 4, 7]), sets)
    for row, chosen in enumerate(sets.tolist()):
        for column, other in enumerate((0, 4, 7)):
            assert (
                abs(correlated[row, column] - inverse_partial_correlation(correlation, 5, other, tuple(chosen))) < 1e-10
            )


def test_first_order_holds_every_triple() -> None:
    correlation = random_correlation(6)
    table = first_order(correlation)
    for a, b, given in np.ndindex(6, 6, 6):
        if len({a, b, given}) == 3:
            assert abs(table[a, b, given] - inverse_partial_correlation(correlation, a, b, (given,))) < 1e-10
        else:
            assert math.isnan(table[a, b, given])


def test_the_critical_correlation_has_alpha_as_its_p_value() -> None:
    for alpha in (1e-9, 1e-5, 1e-2, 0.3):
        for size in (0, 3, 20):
            test = FisherZ(128, alpha)
            assert test.p_value(test.critical(size), size) == pytest.approx(alpha, rel=1e-9)
            assert test.p_value(0.9 * test.critical(size), size) > alpha > test.p_value(1.1 * test.critical(size), size)


def test_p_values_are_those_of_the_formula() -> None:
    # z = atanh(0.3) sqrt(100 - 2 - 3) = 3.01687...; two-sided normal tail
    expected = 2 * 0.5 * math.erfc(math.atanh(0.3) * math.sqrt(95) / math.sqrt(2))
    assert FisherZ(100, 0.01).p_value(-0.3, 2) == pytest.approx(expected)
    assert FisherZ(100, 0.01).p_value(1.0, 2) == 0


def test_conditioning_on_the_common_cause_separates() -> None:
    """x <- c -> y, and nothing else: 0 given c, and not 0 without."""
    correlation = np.array([[1, 0.42, 0.7], [0.42, 1, 0.6], [0.7, 0.6, 1]])
    assert partial_correlation(correlation, 0, 1) == pytest.approx(0.42)
    assert partial_correlation(correlation, 0, 1, (2,)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("sample_size", "alpha"), [(3, 0.01), (128, 0.0), (128, 1.0), (128, math.nan)])
def test_settings_that_leave_nothing_to_test_are_refused(sample_size: int, alpha: float) -> None:
    with pytest.raises(SettingsError):
        FisherZ(sample_size, alpha)


def test_worlds_have_the_correlations_that_samples_of_them_have() -> None:
    """The oracle of other tests, held against simulation."""
    exact = world(3).correlation
    chance = np.random.default_rng(0)
    drawn = np.corrcoef(np.linalg.cholesky(exact) @ chance.normal(size=(len(exact), 200_000)))
    assert np.abs(drawn - exact).max() < 0.02
