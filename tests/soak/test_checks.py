"""The checks of a soak find what they are for: each is shown what is sound and what is not."""

from __future__ import annotations

import pytest

from tests.soak.checks import Sample, grown, marked, threads_left, tracebacks, whose

MB = 10**6


def _curve(*megabytes: int) -> list[Sample]:
    return [Sample(30.0 * second, number * MB) for second, number in enumerate(megabytes)]


def test_memory_that_stays_within_the_budget_is_sound() -> None:
    assert grown(_curve(500, 600, *[640] * 38), 100 * MB, 50 * MB) == []


def test_memory_past_the_budget_is_told_though_it_comes_back() -> None:
    (told,) = grown(_curve(500, 600, 600, 600, 900, *[640] * 35), 100 * MB, 50 * MB)
    assert "rose from 600 MB to 900 MB" in told


def test_memory_that_rises_to_the_end_is_told_within_the_budget() -> None:
    (told,) = grown(_curve(*range(500, 700, 5)), 1000 * MB, 0)
    assert "still rises" in told


def test_threads_of_a_pool_may_stay_and_others_not() -> None:
    before = ["MainThread", "asyncio_0"]
    assert threads_left(before, [*before, "asyncio_1", "AnyIO worker thread"]) == []
    assert threads_left(before, [*before, "Thread-7 (listen)"]) == ["1 x Thread (listen)"]
    assert threads_left(before, [*before, *(f"asyncio_{number}" for number in range(1, 99))]) == ["98 threads of pools"]


@pytest.mark.parametrize("numbers", [(1, 2), (12, 345)])
def test_a_question_says_whose_it_is(numbers: tuple[int, int]) -> None:
    assert whose(marked("Is it red?", *numbers)) == numbers[0]
    assert whose("Is it red?") is None


def test_a_log_tells_tracebacks_by_their_ends_and_errors_without_one() -> None:
    log = 'Started\nTraceback (most recent call last):\n  File "a.py", line 1\nValueError: no\n12:00 ERROR core: lost\n'
    assert tracebacks(log) == ["ValueError: no", "12:00 ERROR core: lost"]
    assert tracebacks("Started\nStopped\n") == []
