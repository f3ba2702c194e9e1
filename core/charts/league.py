"""How good the maps of each method are against how long it takes to make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from core.charts.figure import Figure, figure
from core.charts.palette import CHOSEN, DIFFERENT, NEUTRAL

WIDTH, HEIGHT = 720, 380
LEAST_SECONDS = 0.001


@dataclass(frozen=True)
class Entry:
    """One method: its figure with its interval, and the seconds a map takes (None for a control, which takes none)."""

    name: str
    value: float
    low: float
    high: float
    seconds: float | None
    recommended: bool = False


def league_chart(entries: Sequence[Entry], *, metric: str, quick: float) -> Figure:
    """A dot with its interval for each method, seconds on a logarithmic axis, and a line for each control; another one
    at the `quick` seconds up to which a method may be recommended. Raises ValueError without a method."""
    table = pd.DataFrame([entry.__dict__ for entry in entries if np.isfinite(entry.value)])
    if table.empty or table["seconds"].isna().all():
        raise ValueError("there is no method to draw")
    methods = table[table["seconds"].notna()].copy()
    controls = table[table["seconds"].isna()]
    methods["seconds"] = methods["seconds"].astype(float).clip(lower=LEAST_SECONDS)
    x = alt.X("seconds:Q", title="processor seconds for a map (median)", scale=alt.Scale(type="log"))
    y = alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False))
    color = alt.condition("datum.recommended", alt.value(DIFFERENT), alt.value(CHOSEN))
    base = alt.Chart(methods).encode(x=x)
    tips = [
        alt.Tooltip("name:N", title="method"),
        alt.Tooltip("value:Q", format=".3f", title=metric),
        alt.Tooltip("low:Q", format=".3f", title="from"),
        alt.Tooltip("high:Q", format=".3f", title="to"),
        alt.Tooltip("seconds:Q", format=".3f"),
    ]
    bars = base.mark_rule(opacity=0.45, strokeWidth=2, tooltip=None).encode(
        y=alt.Y("low:Q", title=metric), y2="high:Q", color=color
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(y=y, color=color, tooltip=tips)
    names = base.mark_text(align="left", dx=9, dy=-6, fontSize=11, tooltip=None).encode(y=y, text="name:N", color=color)
    lines = alt.Chart(controls).mark_rule(color=NEUTRAL, strokeDash=[5, 4], tooltip=None).encode(y=y)
    told = alt.Chart(controls).mark_text(align="right", dy=-7, dx=-4, color=NEUTRAL, tooltip=None)
    told = told.encode(x=alt.value(WIDTH), y=y, text="name:N")
    limit = alt.Chart(pd.DataFrame([{"seconds": quick}])).mark_rule(color=NEUTRAL, strokeDash=[2, 4], tooltip=None)
    return figure([lines, told, limit.encode(x=x), bars, dots, names], WIDTH, HEIGHT)
