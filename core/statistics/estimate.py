"""A figure with its interval: the one type for every figure over cases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Estimate:
        """From its fields as JSON keeps them: None is NaN. Raises KeyError, TypeError and ValueError for others."""
        value, low, high = (
            math.nan if values[name] is None else float(values[name]) for name in ("value", "low", "high")
        )
        return cls(value, low, high, int(values["count"]), values["unit"])

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
