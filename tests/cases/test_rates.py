"""Rates have intervals that mean something, also where all or none are right."""

from __future__ import annotations

import numpy as np
import pytest

from core.cases.rates import accuracy, all_right, share
from core.cases.results import Result


def result(number: int, right: bool | None, **about: str) -> Result:
    return Result(str(number), number, "", "What?", ("dog",), about=about, right=right)


def test_a_share_of_few_is_never_certain() -> None:
    rate = share("accuracy", [True] * 10, "answers")
    assert (rate.estimate.value, rate.estimate.count) == (1, 10)
    assert rate.estimate.low == pytest.approx(0.722, abs=0.001)  # Wilson 1927, 10 of 10
    assert rate.estimate.high == 1


def test_an_interval_ends_at_none_and_at_all_to_the_digit() -> None:
    for count in range(1, 60):
        assert share("accuracy", [False] * count, "answers").estimate.low == 0
        assert share("accuracy", [True] * count, "answers").estimate.high == 1


def test_of_nothing_there_is_no_rate() -> None:
    assert np.isnan(accuracy([result(0, None)]).estimate.value)


def test_a_group_counts_when_it_is_whole_and_all_right() -> None:
    rights = {"1": (True, True), "2": (True, False), "3": (True, None), "4": (True,)}
    results = [result(0, right, pair=pair) for pair, pairs in rights.items() for right in pairs]
    assert (grouped := all_right("pairs", results, lambda r: r.about["pair"], "", size=2)).estimate.count == 2
    assert grouped.estimate.value == 0.5
    assert all_right("pairs", results, lambda r: r.about["pair"], "").estimate.count == 3
