"""Figures as they are written beside a dot: the value, and in brackets its 95 % interval where that has a width."""

from __future__ import annotations

import math


def share(value: float, low: float, high: float) -> str:
    """A share of 1 in per cent: "2.0 % [0.0, 5.6]"; "–" where it is no number."""
    if math.isnan(value):
        return "–"
    return f"{100 * value:.1f} %" + (f" [{100 * low:.1f}, {100 * high:.1f}]" if low < high else "")


def change(value: float, low: float, high: float) -> str:
    """A figure of either sign: "-0.45 [-0.90, +0.20]"; "–" where it is no number."""
    if math.isnan(value):
        return "–"
    middle, left, right = (f"{round(one, 2) + 0.0:+.2f}" for one in (value, low, high))  # no "-0.00"
    return f"{middle} [{left}, {right}]" if low < high else middle
