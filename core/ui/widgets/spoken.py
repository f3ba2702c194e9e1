"""Figures as they are written beside a dot: the value, and in brackets its 95% interval where that has a width."""

from __future__ import annotations

import math

from ...statistics.estimate import Estimate


def share(estimate: Estimate) -> str:
    """A share of 1 in per cent: "2.0% [0.0, 5.6]"; "–" where it is no number."""
    if math.isnan(estimate.value):
        return "–"
    value, low, high = (f"{100 * one:.1f}" for one in (estimate.value, estimate.low, estimate.high))
    return f"{value}% [{low}, {high}]" if estimate.low < estimate.high else f"{value}%"


def points(estimate: Estimate) -> str:
    """A difference of two shares in percentage points: "+2.0 [-0.5, +4.5]"; "–" where it is no number."""
    return _signed(estimate, 100, 1)


def change(estimate: Estimate) -> str:
    """A figure of either sign: "-0.45 [-0.90, +0.20]"; "–" where it is no number."""
    return _signed(estimate, 1, 2)


def _signed(estimate: Estimate, times: float, digits: int) -> str:
    if math.isnan(estimate.value):
        return "–"
    ends = (estimate.value, estimate.low, estimate.high)
    middle, left, right = (f"{round(times * one, digits) + 0.0:+.{digits}f}" for one in ends)  # no "-0.0"
    return f"{middle} [{left}, {right}]" if estimate.low < estimate.high else middle


def plain(estimate: Estimate) -> str:
    """Any other figure in three digits: "0.0372 [0.0315, 0.0442]"; "–" where it is no number."""
    if math.isnan(estimate.value):
        return "–"
    value, low, high = (f"{one:.3g}" for one in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]" if estimate.low < estimate.high else value
