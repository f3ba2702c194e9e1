"""The mean of cases that belong together."""

from __future__ import annotations

import numpy as np

from core.statistics.bootstrap import mean
from core.statistics.clustered import mean_over_groups
from core.statistics.proportion import share


def test_cases_of_their_own_have_the_intervals_of_independent_ones() -> None:
    hits = np.array([1.0, 0, 1, 1, 1, 0, 1, 1])
    assert mean_over_groups(hits, np.arange(8)) == share(hits == 1)
    others = np.array([0.2, -0.4, 0.6, 0.1])
    assert mean_over_groups(others, np.arange(4), "nats") == mean(others, "nats")


def test_cases_that_say_the_same_are_as_sure_as_one() -> None:
    hits = (np.random.default_rng(0).random(50) < 0.7).astype(float)
    single, repeated = mean_over_groups(hits, np.arange(50)), mean_over_groups(hits.repeat(8), np.arange(50).repeat(8))
    assert single.value == repeated.value and repeated.count == 400
    naive = share(hits.repeat(8) == 1)
    assert repeated.high - repeated.low > 2 * (naive.high - naive.low)


def test_groups_of_other_sizes_count_by_their_cases_and_their_order_does_not_matter() -> None:
    values, groups = np.array([1.0, 1, 1, 0, 0, 1]), np.array([0, 0, 0, 1, 2, 3])
    one = mean_over_groups(values, groups)
    assert one.value == values.mean() and one.low < one.value < one.high
    assert np.isnan(mean_over_groups(np.zeros(0), np.zeros(0, int)).value)
