"""Spearman's correlation, and its interval over resampled cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from core.statistics.bootstrap import DRAWS
from core.statistics.rank_correlation import rank_correlation, spearman


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    one = rng.integers(0, 5, 40).astype(float)  # many ties
    return one, one + rng.normal(0, 2, 40)


def test_equal_values_share_their_rank() -> None:
    one, other = samples()
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_many_pairs_at_once_are_pairs_one_by_one() -> None:
    one, other = np.random.default_rng(0).integers(0, 4, (2, 6, 9)).astype(float)
    assert spearman(one, other) == pytest.approx([float(spearman(*pair)) for pair in zip(one, other, strict=True)])


def test_the_interval_is_that_of_resampled_cases() -> None:
    one, other = samples()
    times = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), DRAWS)
    direct = [spearmanr(np.repeat(one, drawn), np.repeat(other, drawn)).statistic for drawn in times]
    estimate = rank_correlation(one, other)
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(direct, [0.025, 0.975]))


def test_the_value_lies_in_its_interval_and_missing_values_count_nowhere() -> None:
    one, other = samples()
    estimate = rank_correlation(one, other)
    assert estimate.low < estimate.value < estimate.high
    assert rank_correlation(np.append(one, np.nan), np.append(other, 1)) == estimate


def test_what_never_varies_correlates_with_nothing() -> None:
    estimate = rank_correlation(np.ones(5), np.arange(5.0))
    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert rank_correlation(np.zeros(0), np.zeros(0)).count == 0
