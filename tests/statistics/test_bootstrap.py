"""Intervals of means."""

from __future__ import annotations

import numpy as np
import pytest

from core.statistics.bootstrap import DRAWS, mean


def test_the_interval_is_that_of_resampled_means() -> None:
    values = np.random.default_rng(5).normal(3.0, 1.0, 80)
    estimate = mean(values.tolist())
    rng = np.random.default_rng(9)
    means = [values[rng.integers(0, 80, 80)].mean() for _ in range(20_000)]
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)
    assert estimate.count == 80


def test_the_resamples_are_drawn_from_the_seed_by_numpy() -> None:
    values = np.random.default_rng(5).normal(3.0, 1.0, 30)
    drawn = np.random.default_rng(7).integers(0, 30, (DRAWS, 30))
    estimate = mean(values, seed=7)
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(values[drawn].mean(1), [0.025, 0.975]), rel=1e-12)


def test_cases_without_a_figure_are_left_out() -> None:
    assert mean([1.0, float("nan"), 1.0]) == mean([1.0, 1.0])
    assert mean([2.0]).low == mean([2.0]).high == 2.0


def test_no_case_has_no_mean() -> None:
    estimate = mean([float("nan")])
    assert estimate.count == 0
    assert np.isnan(estimate.value)


def test_the_same_seed_gives_the_same_mean() -> None:
    values = list(np.random.default_rng(0).random(30))
    assert mean(values, seed=1) == mean(values, seed=1) != mean(values, seed=2)
