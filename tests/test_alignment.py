"""Alignment against the edit distance by its recursive definition."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alignment import Aligned, align

tokens = st.lists(st.sampled_from([" the", " dog", " is", " red", "."]), max_size=7)


def distance(one: list[str], two: list[str]) -> int:
    @cache
    def rest(i: int, j: int) -> int:
        if i == len(one) or j == len(two):
            return len(one) - i + len(two) - j
        return min(rest(i + 1, j) + 1, rest(i, j + 1) + 1, rest(i + 1, j + 1) + (one[i] != two[j]))

    return rest(0, 0)


@settings(max_examples=60, deadline=None)
@given(tokens, tokens)
def test_every_token_once_in_order_with_the_fewest_edits(one: list[str], two: list[str]) -> None:
    columns = align(one, two)
    assert [c.original for c in columns if c.original is not None] == list(range(len(one)))
    assert [c.other for c in columns if c.other is not None] == list(range(len(two)))
    assert sum(not c.same for c in columns) == distance(one, two)
    for column in columns:
        both = column.original is not None and column.other is not None
        assert column.same == (both and one[column.original or 0] == two[column.other or 0])


def shown(one: str, two: str) -> list[tuple[str, str]]:
    first, second = one.split(), two.split()
    return [
        ("-" if c.original is None else first[c.original], "-" if c.other is None else second[c.other])
        for c in align(first, second)
    ]


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("", "", []),
        ("a", "", [("a", "-")]),
        ("", "a", [("-", "a")]),
        ("the dog is red .", "the dog is blue .", None),
        ("the dog is red", "the dog", [("the", "the"), ("dog", "dog"), ("is", "-"), ("red", "-")]),
        ("a x y b", "a z b", [("a", "a"), ("x", "z"), ("y", "-"), ("b", "b")]),
        ("a b", "x a b", [("-", "x"), ("a", "a"), ("b", "b")]),
    ],
)
def test_columns(one: str, two: str, expected: list[tuple[str, str]] | None) -> None:
    assert shown(one, two) == (expected if expected is not None else list(zip(one.split(), two.split(), strict=True)))


def test_equal_answers_are_equal_in_every_column() -> None:
    assert align(["a", "a", "b"], ["a", "a", "b"]) == tuple(Aligned(i, i, True) for i in range(3))


def test_long_answers_are_aligned_in_time() -> None:
    long = [str(i % 7) for i in range(400)]
    columns = align(long, [*long[5:], "end"])
    assert sum(column.same for column in columns) == 395
