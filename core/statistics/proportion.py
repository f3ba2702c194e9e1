"""A proportion, and how far it would move had other cases been drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .estimate import Estimate

NORMAL_95 = 1.96
"""The standard normal distribution holds 95 % within so many standard deviations."""


@dataclass(frozen=True)
class Proportion:
    """`hits` of `count`."""

    hits: int
    count: int

    @property
    def share(self) -> float:
        """hits / count; NaN of nothing."""
        return self.hits / self.count if self.count else math.nan

    @property
    def estimate(self) -> Estimate:
        """The share with Wilson's 95 % score interval (1927, "Probable inference, the law of succession, and
        statistical inference"), which stays honest at none and at all of few, where a bootstrap has no width. Of
        nothing the interval is 0 to 1."""
        if not self.count:
            return Estimate(math.nan, 0.0, 1.0, 0)
        z, n, p = NORMAL_95, self.count, self.share
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        # At the ends the two halves cancel but for rounding.
        low = max(middle - half, 0.0) if self.hits else 0.0
        high = min(middle + half, 1.0) if self.hits < n else 1.0
        return Estimate(p, low, high, n)


def share(hits: Iterable[bool]) -> Estimate:
    """The share of cases that are so, with Wilson's interval."""
    flags = list(hits)
    return Proportion(sum(flags), len(flags)).estimate
