"""Resamples ranked together are resamples ranked one by one."""

from __future__ import annotations

import numpy as np
import pytest

from core.cases.rank_correlation import _weighted, rank_correlation
from core.maps.agreement import agreement


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    one = rng.integers(0, 5, 40).astype(float)  # many ties
    return one, one + rng.normal(0, 2, 40)


def test_resamples_are_ranked_as_if_they_were_written_out() -> None:
    one, other = samples()
    times = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), 20)
    for drawn, found in zip(times, _weighted(one, other, times), strict=True):
        direct = agreement(np.repeat(one, drawn), np.repeat(other, drawn)).rank
        assert found == pytest.approx(direct)


def test_the_value_lies_in_its_interval_and_missing_values_count_nowhere() -> None:
    one, other = samples()
    found = rank_correlation(one, other)
    assert found.mean == pytest.approx(agreement(one, other).rank)
    assert found.low < found.mean < found.high
    longer = rank_correlation(np.append(one, np.nan), np.append(other, 1))
    assert longer == found


def test_what_never_varies_correlates_with_nothing() -> None:
    found = rank_correlation(np.ones(5), np.arange(5.0))
    assert np.isnan([found.mean, found.low, found.high]).all()
    assert rank_correlation(np.zeros(0), np.zeros(0)).cases == 0
