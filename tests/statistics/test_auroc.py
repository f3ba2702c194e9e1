"""Telling two lists apart by size, against counting pairs."""

import numpy as np
import pytest

from core.statistics.auroc import auroc


def test_it_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(3)
    higher, lower = rng.integers(0, 6, 40).astype(float), rng.integers(0, 5, 40).astype(float)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in higher for b in lower]
    told = auroc(higher, lower)
    assert told.value == pytest.approx(sum(pairs) / len(pairs))
    assert told.low < told.value < told.high and told.count == 40
    assert auroc(lower, higher).value == pytest.approx(1 - told.value)


def test_lists_apart_are_told_for_sure_and_equal_ones_not_at_all() -> None:
    low, high = np.arange(5.0), np.arange(5.0) + 10
    assert auroc(high, low).value == auroc(high, low).low == 1.0
    assert auroc(low, low).value == 0.5


def test_cases_without_a_value_are_left_out_and_lists_must_be_of_the_same_cases() -> None:
    assert auroc(np.array([2.0, np.nan, 3.0]), np.array([1.0, 9.0, 0.0])).count == 2
    assert np.isnan(auroc(np.array([np.nan]), np.array([1.0])).value)
    with pytest.raises(ValueError, match="same cases"):
        auroc(np.zeros(2), np.zeros(3))
