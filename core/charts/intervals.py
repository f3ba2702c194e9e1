"""Figures with their intervals, each beside its control: a line for each, a dot for each of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from ..statistics.estimate import Estimate
from .figure import Figure, figure
from .palette import CHOSEN, NEUTRAL

HEAD, DOT = 18, 14
"""Heights in pixels of a line's words, and of each of its dots."""
OF_TEXT = 290
"""Pixels right of the plot that the figures in words take."""


@dataclass(frozen=True)
class Dot:
    """A figure called `name`, and as it is written."""

    name: str
    estimate: Estimate
    text: str


@dataclass(frozen=True)
class Pair:
    """One line: what was measured, the figure, and its control where it has one."""

    what: str
    figure: Dot
    control: Dot | None = None


def interval_chart(
    pairs: Sequence[Pair], *, title: str, domain: tuple[float, float] | None = None, width: int = 250
) -> Figure:
    """Dots on lines, the figure above its control; `domain` are the ends of the axis. What is no number has its words
    and no dot. Raises ValueError without pairs."""
    if not pairs:
        raise ValueError("there is nothing to draw")
    tops = np.cumsum([0, *(_height(pair) for pair in pairs)])
    table = pd.DataFrame([row for top, pair in zip(tops, pairs, strict=False) for row in _rows(float(top), pair)])
    known = table[np.isfinite(table["value"])]
    height = float(tops[-1])
    ends = list(domain) if domain else _ends(known)
    scale, axis = alt.Scale(domain=ends, nice=False, clamp=True), alt.Axis(tickCount=5)
    x = alt.X("value:Q", title=title, scale=scale, axis=axis)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, height], reverse=True, nice=False), axis=None)
    color = alt.Color("color:N", scale=None)
    base = alt.Chart(known).encode(y=y, color=color)
    tips = [alt.Tooltip("what:N", title="figure"), alt.Tooltip("name:N", title="of"), alt.Tooltip("text:N")]
    bars = base.mark_rule(strokeWidth=2.5, opacity=0.55, tooltip=None).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=axis), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(x=x, tooltip=tips)
    words = alt.Chart(table).mark_text(align="left", dx=14, limit=OF_TEXT, tooltip=None)
    words = words.encode(x=alt.value(width), y=y, text="told:N", color=color)
    heads = pd.DataFrame([{"what": pair.what, "y": float(top) + 3} for top, pair in zip(tops, pairs, strict=False)])
    names = alt.Chart(heads).mark_text(align="left", baseline="top", color=NEUTRAL, limit=width + OF_TEXT, tooltip=None)
    lines = names.encode(x=alt.value(0), y=y, text="what:N")
    marks = [bars, dots, words, lines]
    if ends[0] < 0 < ends[1]:
        zero = alt.Chart(pd.DataFrame([{"value": 0.0}])).mark_rule(color=NEUTRAL, strokeDash=[3, 3], tooltip=None)
        marks.insert(0, zero.encode(x=x))
    return figure(marks, width, height)


def _height(pair: Pair) -> int:
    return HEAD + DOT * (1 if pair.control is None else 2)


def _rows(top: float, pair: Pair) -> list[dict[str, object]]:
    return [
        {
            "what": pair.what,
            "name": dot.name,
            "value": dot.estimate.value,
            "low": dot.estimate.low,
            "high": dot.estimate.high,
            "text": dot.text,
            "told": f"{dot.name}: {dot.text}",
            "color": color,
            "y": top + HEAD + DOT * (place + 0.4),
        }
        for dot, color, place in ((pair.figure, CHOSEN, 0), (pair.control, NEUTRAL, 1))
        if dot is not None
    ]


def _ends(table: pd.DataFrame) -> list[float]:
    """From the least to the most, zero included, with some room."""
    low, high = min(0.0, float(table["low"].min())), max(0.0, float(table["high"].max()))
    room = 0.05 * ((high - low) or 1.0)
    return [low - room if low < 0 else low, high + room]
