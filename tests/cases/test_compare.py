"""Two runs are compared over the cases that both judged, and the difference is told with what chance would do."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from core.cases.compare import compare, gain, mcnemar
from core.cases.results import Result, Run
from core.errors import NotComparable


def run(*rights: bool | None, name: str = "own", keys: str = "") -> Run:
    results = tuple(
        Result(str(n), n, keys[n : n + 1], "What?", ("dog",), right=right, understood="dog" if right else f"cat {n}",
               problem="missing" if right is None else None)
        for n, right in enumerate(rights)
    )  # fmt: skip
    return Run(name, "model", {}, {}, results)


def test_cases_are_counted_by_who_was_right() -> None:
    compared = compare(run(True, True, False, False, None, True), run(True, False, True, False, True, True))
    assert (compared.both, compared.only_first, compared.only_second, compared.neither) == (2, 1, 1, 1)
    assert [first.id for first, _ in compared.differing] == ["1", "2"]
    assert (compared.same.estimate.value, compared.gain.estimate.value, compared.apart) == (0.6, 0, 1)


def test_two_answers_that_say_nothing_known_are_the_same_only_to_the_letter() -> None:
    one = run(False, False)
    mute = [replace(result, understood="", said=said) for result, said in zip(one.results, ("hm", "well"), strict=True)]
    other = [replace(result, said="hm") for result in mute]
    assert compare(replace(one, results=tuple(mute)), replace(one, results=tuple(other))).same.estimate.value == 0.5


def test_gain_is_of_the_second_over_the_first() -> None:
    compared = compare(run(*[False] * 10), run(*[True] * 6, *[False] * 4))
    assert compared.gain.estimate.value == 0.6
    assert 0.2 < compared.gain.estimate.low < 0.6 < compared.gain.estimate.high < 1


def test_the_interval_of_a_gain_is_that_of_drawing_the_cases_again() -> None:
    counts = (240, 40, 70, 50)
    gained = gain(*counts)
    drawn = np.random.default_rng(0).multinomial(400, np.array(counts) / 400, 20_000)
    low, high = np.quantile((drawn[:, 2] - drawn[:, 1]) / 400, [0.025, 0.975])
    assert (gained.estimate.value, gained.estimate.count) == (30 / 400, 400)
    assert (gained.estimate.low, gained.estimate.high) == (
        pytest.approx(low, abs=0.006),
        pytest.approx(high, abs=0.006),
    )


@pytest.mark.parametrize("counts", [(10, 0, 0, 0), (0, 0, 0, 10), (5, 0, 0, 5), (0, 10, 0, 0), (1, 0, 0, 0)])
def test_the_gain_of_few_cases_is_never_certain(counts: tuple[int, int, int, int]) -> None:
    gained, turned = gain(*counts), gain(counts[0], counts[2], counts[1], counts[3])
    assert -1 <= gained.estimate.low <= gained.estimate.value <= gained.estimate.high <= 1
    assert gained.estimate.high - gained.estimate.low > 0.1
    assert (turned.estimate.low, turned.estimate.high) == (
        pytest.approx(-gained.estimate.high),
        pytest.approx(-gained.estimate.low),
    )


def test_a_case_that_changed_in_between_is_not_compared() -> None:
    compared = compare(run(True, True, keys="ab"), run(True, False, keys="ac"))
    assert (len(compared.pairs), compared.apart) == (1, 1)


def test_different_sets_and_runs_without_a_common_case_are_refused() -> None:
    with pytest.raises(NotComparable, match="of own and the second of pope"):
        compare(run(True), run(True, name="pope"))
    with pytest.raises(NotComparable, match="no judged case in common"):
        compare(run(True), run(None))


@pytest.mark.parametrize(("one", "other"), [(0, 0), (1, 0), (0, 4), (2, 5), (3, 3)])
def test_the_p_value_is_that_of_all_ways_to_disagree(one: int, other: int) -> None:
    flips = list(product((0, 1), repeat=one + other))
    rarer = min(one, other)
    extreme = sum(sum(flip) <= rarer or sum(flip) >= one + other - rarer for flip in flips)
    assert mcnemar(one, other) == pytest.approx(extreme / len(flips))
