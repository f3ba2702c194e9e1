"""Figures with their intervals, each beside its control: a line for each, a dot for each of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from core.charts.figure import Figure, figure
from core.charts.palette import CHOSEN, NEUTRAL

ROW = 46
OF_TEXT = 250
"""Pixels right of the plot that the figures in words take."""


@dataclass(frozen=True)
class Dot:
    """A figure called `name` with its interval, and as it is written."""

    name: str
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Pair:
    """One line: what was measured, the figure, and its control where it has one."""

    what: str
    found: Dot
    control: Dot | None = None


def interval_chart(
    pairs: Sequence[Pair], *, title: str, domain: tuple[float, float] | None = None, width: int = 250
) -> Figure:
    """Dots on lines, the figure above its control; `domain` are the ends of the axis. What is no number has its words
    and no dot. Raises ValueError without pairs."""
    if not pairs:
        raise ValueError("there is nothing to draw")
    table = pd.DataFrame([row for line, pair in enumerate(pairs) for row in _rows(line, pair)])
    known = table[np.isfinite(table["value"])]
    height = ROW * len(pairs)
    ends = list(domain) if domain else _ends(known)
    x = alt.X("value:Q", title=title, scale=alt.Scale(domain=ends, nice=False, clamp=True))
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, height], reverse=True, nice=False), axis=None)
    color = alt.Color("color:N", scale=None)
    base = alt.Chart(known).encode(y=y, color=color)
    tips = [alt.Tooltip("what:N", title="figure"), alt.Tooltip("name:N", title="of"), alt.Tooltip("text:N")]
    bars = base.mark_rule(strokeWidth=2.5, opacity=0.55, tooltip=None).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(domain=ends, nice=False, clamp=True)), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(x=x, tooltip=tips)
    words = alt.Chart(table).mark_text(align="left", dx=14, limit=OF_TEXT, tooltip=None)
    words = words.encode(x=alt.value(width), y=y, text="told:N", color=color)
    heads = pd.DataFrame([{"what": pair.what, "y": ROW * line + 3} for line, pair in enumerate(pairs)])
    names = alt.Chart(heads).mark_text(align="left", baseline="top", color=NEUTRAL, limit=width + OF_TEXT, tooltip=None)
    lines = names.encode(x=alt.value(0), y=y, text="what:N")
    return figure([bars, dots, words, lines], width, height)


def _rows(line: int, pair: Pair) -> list[dict[str, object]]:
    return [
        {
            "what": pair.what,
            "name": dot.name,
            "value": dot.value,
            "low": dot.low,
            "high": dot.high,
            "text": dot.text,
            "told": f"{dot.name}: {dot.text}",
            "color": color,
            "y": ROW * line + place,
        }
        for dot, color, place in ((pair.found, CHOSEN, 23), (pair.control, NEUTRAL, 37))
        if dot is not None
    ]


def _ends(table: pd.DataFrame) -> list[float]:
    """From the least to the most, zero included, with some room."""
    low, high = min(0.0, float(table["low"].min())), max(0.0, float(table["high"].max()))
    room = 0.05 * ((high - low) or 1.0)
    return [low - room if low < 0 else low, high + room]
