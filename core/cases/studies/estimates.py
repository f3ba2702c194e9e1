"""Shares and means of readings, with how far they would move had other scenes been drawn."""

from __future__ import annotations

from collections.abc import Iterable

from ...evidence.bootstrap import interval
from ...proportion import Proportion
from .study import Estimate, Unit


def share(hits: Iterable[bool]) -> Estimate:
    """The share of readings that are so, with Wilson's interval."""
    flags = list(hits)
    found = Proportion(sum(flags), len(flags))
    return Estimate(found.share, *found.interval, len(flags))


def mean(values: Iterable[float], unit: Unit = "share") -> Estimate:
    """The mean of those readings that have a value, with its percentile bootstrap interval; NaN of none."""
    found = interval(list(values))
    return Estimate(found.mean, found.low, found.high, found.cases, unit)
