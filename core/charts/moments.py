"""A figure for each moment of a video, as bars over time."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from .figure import figure
from .palette import CHOSEN, DIVERGING, NEUTRAL, PICKED

WIDTH, HEIGHT = 420, 110
NARROWEST, WIDEST = 5, 44
"""Pixels of a moment, with the gap beside it."""


def moment_bars(
    values: Sequence[float],
    names: Sequence[str],
    times: Sequence[str],
    *,
    title: str,
    share: bool = False,
    chosen: int | None = None,
    click: str,
) -> alt.LayerChart:
    """A bar for each moment that has a value (there may be fewer than moments), from zero; `times` stand below, `names`
    are told by hovering. A `share` is a part of one and blue; anything else is purple where it is more, orange where it
    is less. The `chosen` moment stands on a band. A click toggles an entry with "moment", counted from 0, in a
    selection of the name `click`."""
    table = pd.DataFrame(
        {
            "moment": range(len(names)),
            "name": names,
            "value": [*values, *[float("nan")] * (len(names) - len(values))],
            "chosen": [number == chosen for number in range(len(names))],
        }
    )
    labels = ", ".join(f"'{time}'" for time in times)
    axis = alt.Axis(
        title="seconds", labelExpr=f"[{labels}][datum.value]", labelAngle=0, labelOverlap="greedy", ticks=False
    )
    x = alt.X("moment:O", axis=axis, scale=alt.Scale(padding=0))
    number = ".1%" if share else "+.3f"
    tooltip = [alt.Tooltip("name:N", title="of"), alt.Tooltip("value:Q", title=title, format=number)]
    base = alt.Chart(table).encode(x=x, tooltip=tooltip)
    # As high as the plot, so that one may click anywhere above or below a bar.
    bands = base.mark_rect(cursor="pointer", color=NEUTRAL).encode(
        y=alt.value(0),
        y2=alt.value(HEIGHT),
        opacity=alt.condition("datum.chosen", alt.value(0.3), alt.value(0.001)),
    )
    less, more = DIVERGING[0], DIVERGING[-2]
    color = alt.value(CHOSEN) if share else alt.condition("datum.value < 0", alt.value(less), alt.value(more))
    known = table[table["value"].notna()]
    scale = alt.Scale(zero=True, nice=True) if len(known) and known["value"].any() else alt.Scale(domain=[0, 1])
    bars = (
        alt.Chart(known)
        .mark_bar(cursor="pointer", width={"band": 0.8})
        .encode(
            x=x,
            y=alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(format="%" if share else ".2~f", tickCount=4)),
            y2=alt.Y2(datum=0),
            color=color,
            stroke=alt.condition("datum.chosen", alt.value(PICKED), alt.value(None)),
            tooltip=tooltip,
        )
    )
    toggle = alt.selection_point(name=click, fields=["moment"], on="click", toggle="true", empty=False)
    top = base.mark_rect(fillOpacity=0, cursor="pointer").encode(y=alt.value(0), y2=alt.value(HEIGHT))
    return figure([bands, bars, top.add_params(toggle)], bars_width(len(names)), HEIGHT)


def bars_width(moments: int) -> int:
    """The width in pixels of so many bars, without what stands beside them."""
    return moments * max(NARROWEST, min(WIDEST, WIDTH // max(1, moments)))
