"""Shares and means of readings, with how far they would move had other scenes been drawn."""

from __future__ import annotations

from collections.abc import Iterable

from core.cases.studies.study import Estimate, Unit
from core.causal.rates import Rate
from core.evidence.bootstrap import interval


def share(hits: Iterable[bool]) -> Estimate:
    """The share of readings that are so, with Wilson's interval, which stays honest at none and at all of few."""
    flags = list(hits)
    rate = Rate(sum(flags), len(flags))
    return Estimate(rate.share, *rate.interval, len(flags))


def mean(values: Iterable[float], unit: Unit = "share") -> Estimate:
    """The mean of those readings that have a value, with its percentile bootstrap interval; NaN of none."""
    found = interval(list(values))
    return Estimate(found.mean, found.low, found.high, found.cases, unit)
