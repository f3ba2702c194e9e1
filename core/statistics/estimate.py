"""A figure with its interval: the one type for every figure over cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Unit = Literal["share", "nats", "area", "reciprocal rank", "correlation", "probability"]


@dataclass(frozen=True)
class Estimate:
    """A figure over `count` cases with its 95 % interval; `unit` "share" is of 1, "area" that under a curve.

    NaN where there is nothing to be estimated from. What is computed and not sampled has no interval (NaN, 0 cases).
    """

    value: float
    low: float
    high: float
    count: int
    unit: Unit = "share"

    @property
    def words(self) -> str:
        """A share as a number of cases: "11 of 12"."""
        return f"{round(self.value * self.count) if self.count else 0} of {self.count}"

    def above(self, other: Estimate) -> bool:
        """Whether it lies above another one, intervals and all."""
        return self.low > other.high


def nothing(count: int = 0, unit: Unit = "share") -> Estimate:
    """What cannot be told, of so many cases."""
    return Estimate(math.nan, math.nan, math.nan, count, unit)


def computed(value: float, unit: Unit) -> Estimate:
    """A figure that follows from others, with no interval."""
    return Estimate(value, math.nan, math.nan, 0, unit)
