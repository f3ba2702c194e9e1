"""Results of a tab: each kind is bounded on its own, and what is used stays."""

from __future__ import annotations

import pytest

from core.ui.state.results import Kind, ResultCache
from core.vlm.kept_budget import KeptBudget

NUMBERS = Kind[int](2)
TEXTS = Kind[str](4, len)


def test_what_is_longest_unused_is_forgotten_first() -> None:
    results = ResultCache()
    results.keep(NUMBERS, "a", 1)
    results.keep(NUMBERS, "b", 2)
    assert results.get(NUMBERS, "a") == 1
    results.keep(NUMBERS, "c", 3)
    assert results.get(NUMBERS, "b") is None and results.of(NUMBERS) == {"a": 1, "c": 3}


def test_kinds_of_one_key_do_not_meet() -> None:
    results = ResultCache()
    results.keep(NUMBERS, "a", 1)
    assert results.get(TEXTS, "a") is None
    results.keep(TEXTS, "a", "one")
    results.drop(NUMBERS, "a")
    assert results.get(NUMBERS, "a") is None and results.get(TEXTS, "a") == "one"


def test_a_kind_with_sizes_keeps_what_fits_and_always_the_last() -> None:
    results = ResultCache()
    for text in ("ab", "cd", "e", "longest"):
        results.keep(TEXTS, text, text)
        assert text in results.of(TEXTS)
    assert list(results.of(TEXTS)) == ["longest"]
    results.keep(TEXTS, "ab", "ab")
    assert list(results.of(TEXTS)) == ["ab"]


def test_what_pages_compute_again_goes_where_all_tabs_keep_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.ui.state.results.budget", KeptBudget(lambda used: 3000))
    again, never = Kind[bytes](9, again=True), Kind[bytes](9)
    one, other = ResultCache(), ResultCache()
    one.keep(again, "a", b"x" * 1000)
    one.keep(never, "n", b"x" * 9000)
    other.keep(again, "b", b"x" * 1000)
    assert one.get(again, "a") is not None
    other.keep(again, "c", b"x" * 1000)
    assert other.get(again, "b") is None, "longest unused, of whatever tab"
    assert one.get(again, "a") is not None and other.get(again, "c") is not None
    assert one.get(never, "n") is not None
