"""Figures of one kind below each other, each with its interval; controls in grey."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import altair as alt
import numpy as np
import pandas as pd

from .figure import Figure, figure
from .intervals import Dot
from .palette import CHOSEN, NEUTRAL
from .tokens import unique

ROW = 24
LABEL = 310
"""Pixels of a name at most; longer ones are cut, and told whole on hovering."""


def dot_chart(
    dots: Sequence[Dot],
    *,
    title: str,
    controls: Collection[int] = (),
    domain: tuple[float, float] | None = None,
    width: int = 190,
) -> Figure:
    """A line for each figure in the order given: its name, a dot with its interval, and as it is written. `controls`
    are numbers of lines, `domain` the ends of the axis. Raises ValueError without figures."""
    if not dots:
        raise ValueError("there is nothing to draw")
    names = unique([dot.name for dot in dots])
    table = pd.DataFrame(
        [
            {
                "name": name,
                "value": dot.estimate.value,
                "low": dot.estimate.low,
                "high": dot.estimate.high,
                "text": dot.text,
                "color": NEUTRAL if number in controls else CHOSEN,
            }
            for number, (name, dot) in enumerate(zip(names, dots, strict=True))
        ]
    )
    known = table[np.isfinite(table["value"])]
    ends = domain or (min(0.0, *known["low"], 0.0), max(*known["high"], 0.0, 1e-9))
    scale = alt.Scale(domain=list(ends), nice=domain is None, clamp=True)
    axis = alt.Axis(ticks=False, domain=False, labelLimit=LABEL, labelOverlap=False, labelFlush=False)
    y = alt.Y("name:N", scale=alt.Scale(domain=names), title=None, axis=axis)
    x = alt.X("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=4, labelFlush=False))
    color = alt.Color("color:N", scale=None)
    base = alt.Chart(known).encode(y=y, color=color)
    tips = [alt.Tooltip("name:N", title="of"), alt.Tooltip("text:N", title=title)]
    bars = base.mark_rule(strokeWidth=2.5, opacity=0.55, tooltip=None).encode(
        x=alt.X("low:Q", title=title, scale=scale), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, tooltip=tips)
    words = alt.Chart(table).mark_text(align="left", dx=10, tooltip=None)
    words = words.encode(x=alt.value(width), y=y, text="text:N", color=color)
    return figure([bars, points, words], width, ROW * len(dots))
