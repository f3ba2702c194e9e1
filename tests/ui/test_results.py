"""Results of a tab: each kind is bounded on its own, and what is used stays."""

from __future__ import annotations

from core.ui.state.results import Kind, ResultCache

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
