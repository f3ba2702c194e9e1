"""Intervals of means."""

from __future__ import annotations

import numpy as np
import pytest

from core.evidence.bootstrap import interval


def test_the_interval_is_that_of_resampled_means() -> None:
    values = np.random.default_rng(5).normal(3.0, 1.0, 80)
    found = interval(values.tolist())
    rng = np.random.default_rng(9)
    means = [values[rng.integers(0, 80, 80)].mean() for _ in range(20_000)]
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)
    assert found.cases == 80


def test_cases_without_a_figure_are_left_out() -> None:
    assert interval([1.0, float("nan"), 1.0]) == interval([1.0, 1.0])
    assert interval([2.0]).low == interval([2.0]).high == 2.0


def test_no_case_has_no_mean() -> None:
    found = interval([float("nan")])
    assert found.cases == 0
    assert np.isnan(found.mean)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = list(np.random.default_rng(0).random(30))
    assert interval(values, seed=1) == interval(values, seed=1) != interval(values, seed=2)
