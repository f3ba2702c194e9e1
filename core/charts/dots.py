"""Figures of one kind below each other, each with its interval; controls in grey."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import altair as alt
import numpy as np
import pandas as pd

from .figure import Figure, figure
from .intervals import Dot
from .palette import CHOSEN, NEUTRAL

HEAD, DOT = 16, 18
"""Heights in pixels of a name, and of the dot below it."""
OF_TEXT = 185
"""Pixels right of the plot that the figures in words take: with it the chart fits a phone."""


def dot_chart(
    dots: Sequence[Dot],
    *,
    title: str,
    controls: Collection[int] = (),
    domain: tuple[float, float] | None = None,
    width: int = 155,
) -> Figure:
    """For each figure, in the order given, its name, and below it a dot with its interval and as it is written.
    `controls` are numbers of figures, `domain` the ends of the axis. What is no number has its words and no dot. Raises
    ValueError without figures."""
    if not dots:
        raise ValueError("there is nothing to draw")
    table = pd.DataFrame(
        [
            {
                "name": dot.name,
                "value": dot.estimate.value,
                "low": dot.estimate.low,
                "high": dot.estimate.high,
                "text": dot.text,
                "color": NEUTRAL if number in controls else CHOSEN,
                "top": number * (HEAD + DOT),
                "y": number * (HEAD + DOT) + HEAD + DOT / 2,
            }
            for number, dot in enumerate(dots)
        ]
    )
    known = table[np.isfinite(table["value"])]
    height = len(dots) * (HEAD + DOT)
    ends = domain or (min(0.0, *known["low"], 0.0), max(*known["high"], 0.0, 1e-9))
    scale = alt.Scale(domain=list(ends), nice=domain is None, clamp=True)
    rows = alt.Scale(domain=[0, height], reverse=True, nice=False)
    y = alt.Y("y:Q", scale=rows, axis=None)
    x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=4, labelFlush=False, grid=False))
    color = alt.Color("color:N", scale=None)
    base = alt.Chart(known).encode(y=y, color=color)
    tips = [alt.Tooltip("name:N", title="of"), alt.Tooltip("text:N", title=title)]
    bars = base.mark_rule(strokeWidth=2.5, opacity=0.55, tooltip=None).encode(
        x=alt.X("low:Q", title=title, scale=scale), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, tooltip=tips)
    told = alt.Chart(table).encode(color=color)
    texts = told.mark_text(align="left", dx=10, limit=OF_TEXT, tooltip=None)
    texts = texts.encode(x=alt.value(width), y=y, text="text:N")
    names = told.mark_text(align="left", baseline="top", dy=3, limit=width + OF_TEXT, tooltip=None)
    names = names.encode(x=alt.value(0), y=alt.Y("top:Q", scale=rows, axis=None), text="name:N")
    return figure([bars, points, texts, names], width, height)
