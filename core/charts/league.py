"""How good the maps of each method are against how long it takes to make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from core.charts.figure import Figure, figure
from core.charts.palette import CHOSEN, DIFFERENT, NEUTRAL

WIDTH, HEIGHT = 590, 440
"""Pixels: with its axis it fits a window 1024 wide."""
LEAST_SECONDS = 0.001
LETTER, LINE = 6.2, 13
"""Pixels of a letter of a name, and of a line of names."""


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
    ends = _ends(methods["seconds"], controls, methods, quick)
    methods["label"] = _labels(methods, *ends)
    across = alt.Scale(type="log", domain=ends[0], nice=False)
    x = alt.X("seconds:Q", title="processor seconds for a map (median)", scale=across)
    down = alt.Scale(domain=ends[1], nice=False)
    y = alt.Y("value:Q", title=metric, scale=down)
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
        y=alt.Y("low:Q", title=metric, scale=down), y2="high:Q", color=color
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(y=y, color=color, tooltip=tips)
    names = base.mark_text(align="left", dx=9, fontSize=11, tooltip=None)
    names = names.encode(y=alt.Y("label:Q", title=metric, scale=down), text="name:N", color=color)
    lines = alt.Chart(controls).mark_rule(color=NEUTRAL, strokeDash=[5, 4], tooltip=None).encode(y=y)
    told = alt.Chart(controls).mark_text(align="right", dy=-7, dx=-4, color=NEUTRAL, tooltip=None)
    told = told.encode(x=alt.value(WIDTH), y=y, text="name:N")
    limit = alt.Chart(pd.DataFrame([{"seconds": quick}])).mark_rule(color=NEUTRAL, strokeDash=[2, 4], tooltip=None)
    return figure([lines, told, limit.encode(x=x), bars, dots, names], WIDTH, HEIGHT)


def _ends(
    seconds: pd.Series, controls: pd.DataFrame, methods: pd.DataFrame, quick: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of both axes, with room for the names."""
    values = [*methods["low"], *methods["high"], *controls["value"]]
    room = 0.06 * ((max(values) - min(values)) or 1.0)
    return (float(seconds.min()) * 0.8, max(float(seconds.max()), quick) * 8), (min(values) - room, max(values) + room)


def _labels(methods: pd.DataFrame, across: tuple[float, float], down: tuple[float, float]) -> list[float]:
    """How high each name stands: beside its dot, or as near to it as leaves the names before it to be read."""
    placed: list[tuple[float, float, float]] = []
    found = []
    scale = WIDTH / np.log(across[1] / across[0])
    for row in methods.itertuples():
        left = float(np.log(row.seconds / across[0]) * scale)
        right = left + LETTER * len(row.name)
        own = (down[1] - row.value) / (down[1] - down[0]) * HEIGHT
        steps = sorted(range(-8, 9), key=abs)
        free = (own + step * LINE for step in steps if _free(placed, left, right, own + step * LINE))
        height = next(free, own)
        placed.append((left, right, height))
        found.append(down[1] - height / HEIGHT * (down[1] - down[0]))
    return found


def _free(placed: Sequence[tuple[float, float, float]], left: float, right: float, height: float) -> bool:
    return all(right < other[0] or left > other[1] or abs(height - other[2]) >= LINE for other in placed)
