"""One vocabulary: when a condition holds, fails, or is left open, and what a rule of several says."""

from __future__ import annotations

import pytest

from core.claims.verdict import LEAST, Verdict, beyond_chance, exceeds, positive, told, weakest
from core.statistics.bootstrap import mean
from core.statistics.estimate import Estimate


def test_a_figure_must_lie_apart_from_its_control() -> None:
    high, low = Estimate(0.9, 0.7, 1.0, LEAST), Estimate(0.1, 0.0, 0.3, LEAST)
    near = Estimate(0.5, 0.2, 0.8, LEAST)
    assert exceeds(high, low) == "reproduces"
    assert exceeds(high, near) == "undecided"
    assert exceeds(low, high) == "does not reproduce"


@pytest.mark.parametrize(
    ("low", "value", "verdict"),
    [(0.1, 0.2, "reproduces"), (-0.1, 0.2, "undecided"), (-0.1, 0.0, "does not reproduce")],
)
def test_a_paired_difference_must_lie_above_zero(low: float, value: float, verdict: Verdict) -> None:
    assert positive(Estimate(value, low, 0.3, LEAST)) == verdict


def test_a_handful_decides_nothing_although_its_bootstrap_has_no_width() -> None:
    few = [0.4] * (LEAST - 1)
    assert exceeds(mean(few), mean([0.0] * LEAST)) == positive(mean(few)) == "undecided"
    assert exceeds(mean([0.4] * LEAST), mean([0.0] * LEAST)) == positive(mean([0.4] * LEAST)) == "reproduces"


def test_what_chance_gives_often_is_left_open_where_there_is_more_than_it_gives() -> None:
    assert beyond_chance(0.01, 9, 3) == "reproduces"
    assert beyond_chance(0.2, 4, 3) == "undecided"
    assert beyond_chance(0.9, 2, 3) == "does not reproduce"


def test_a_rule_is_as_weak_as_its_weakest_condition() -> None:
    assert weakest(["reproduces", "reproduces"]) == "reproduces"
    assert weakest(["reproduces", "undecided"]) == "undecided"
    assert weakest(["undecided", "does not reproduce", "reproduces"]) == "does not reproduce"


def test_conditions_that_fail_or_are_left_open_are_named() -> None:
    assert told({"a": "reproduces", "b": "does not reproduce", "c": "undecided"}) == " Not met: b. Left open: c."
    assert told({"a": "reproduces"}) == ""
