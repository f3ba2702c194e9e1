"""Figures that were computed twice, number by number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .code import Code
from .figure import Figure

NAMES_OF_TOKENS = frozenset({"ids", "top"})
"""Arrays of the most probable tokens: two that are nearly as probable may change places, and their probabilities are
compared instead."""


@dataclass(frozen=True)
class Difference:
    """The largest difference of an array of a figure, what is `allowed`, and the largest number that is kept. It is
    infinite where shapes differ, or where one has a number and the other has none."""

    title: str
    array: str
    largest: float
    allowed: float
    of: float

    @property
    def same(self) -> bool:
        """Whether it is no more than is allowed."""
        return self.largest <= self.allowed


def differences(kept: Sequence[Figure], again: Sequence[Figure], code: Code) -> Iterator[Difference]:
    """The differences of some figures that are of the same result. What one of them lacks differs without end."""
    for place in range(max(len(kept), len(again))):
        if place >= len(kept) or place >= len(again):
            yield Difference((kept if place < len(kept) else again)[place].title, "all", math.inf, 0.0, 0.0)
            continue
        one, other = kept[place], again[place]
        for name in dict.fromkeys([*one.numbers, *other.numbers]):
            if name in NAMES_OF_TOKENS:
                continue
            if name not in one.numbers or name not in other.numbers:
                yield Difference(one.title, name, math.inf, 0.0, 0.0)
                continue
            yield _difference(one.title, name, np.asarray(one.numbers[name]), np.asarray(other.numbers[name]), code)


def _difference(title: str, name: str, kept: np.ndarray, again: np.ndarray, code: Code) -> Difference:
    if kept.shape != again.shape:
        return Difference(title, name, math.inf, 0.0, 0.0)
    first, second = kept.astype(np.float64), again.astype(np.float64)
    finite = np.isfinite(first)
    # What is unknown or without end must be so in both.
    odd = ~finite & ~((np.isnan(first) & np.isnan(second)) | (first == second))
    largest = float(np.abs(first[finite]).max(initial=0.0))
    allowed = code.tolerance * largest + code.rounding if np.issubdtype(kept.dtype, np.floating) else 0.0
    if odd.any() or not np.isfinite(second[finite]).all():
        return Difference(title, name, math.inf, allowed, largest)
    return Difference(title, name, float(np.abs(first - second)[finite].max(initial=0.0)), allowed, largest)
