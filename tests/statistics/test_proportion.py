"""Proportions and their intervals, against a published table and by what must hold of them."""

from __future__ import annotations

import math

import pytest

from core.statistics.proportion import Proportion, share


def ends(proportion: Proportion) -> tuple[float, float]:
    return proportion.estimate.low, proportion.estimate.high


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    assert ends(Proportion(81, 263)) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert ends(Proportion(15, 148)) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert ends(Proportion(0, 20)) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert ends(Proportion(1, 29)) == pytest.approx((0.0061, 0.1718), abs=1e-4)


def test_none_and_all_have_an_end_at_the_bound_and_a_width() -> None:
    assert Proportion(0, 7).estimate.low == 0.0 < Proportion(0, 7).estimate.high
    assert Proportion(7, 7).estimate.high == 1.0 > Proportion(7, 7).estimate.low


def test_of_nothing_nothing_is_known() -> None:
    assert math.isnan(Proportion(0, 0).share) and ends(Proportion(0, 0)) == (0.0, 1.0)


def test_a_share_is_the_proportion_of_what_is_so() -> None:
    assert share([True, False, True]) == Proportion(2, 3).estimate
