"""Figures of tests: curves as patches go and come, and how a map changes as the model forgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float

from .figure import Beside, Figure, figure
from .palette import CATEGORIES, CHOSEN, NEUTRAL

WIDTH, HEIGHT = 206, 190
STAGE = 24
"""Height in pixels of a stage's row."""


@dataclass(frozen=True, eq=False)
class Line:
    """A probability (0 to 1) at shares of the patches; `low` and `high` bound a band around it where there are several
    draws. NaN points are not drawn, and lines do not go on across them."""

    name: str
    shares: Float[np.ndarray, "point"]
    values: Float[np.ndarray, "point"]
    low: Float[np.ndarray, "point"] | None = None
    high: Float[np.ndarray, "point"] | None = None


def probability_curves(panels: Mapping[str, Sequence[Line]]) -> Beside:
    """A panel for each title (which names its x axis), side by side; the first line of each is the one tested, the
    others are its controls. Raises ValueError where there is no point at all."""
    tables = {title: _table(lines) for title, lines in panels.items()}
    if not any(table["value"].notna().any() for table in tables.values()):
        raise ValueError("there is no point to draw")
    names = list(dict.fromkeys(line.name for lines in panels.values() for line in lines))
    drawn = [_panel(table, title, names) for title, table in tables.items()]
    return Beside(hconcat=drawn, spacing=18)


def _table(lines: Sequence[Line]) -> pd.DataFrame:
    rows = []
    for order, line in enumerate(lines):
        low = line.values if line.low is None else line.low
        high = line.values if line.high is None else line.high
        for share, value, least, most in zip(line.shares, line.values, low, high, strict=True):
            # A point that was not reached has no value, and parts its line.
            rows.append({"name": line.name, "order": order, "share": share, "value": value, "low": least, "high": most})
    return pd.DataFrame(rows, columns=["name", "order", "share", "value", "low", "high"])


def _panel(table: pd.DataFrame, title: str, names: Sequence[str]) -> alt.LayerChart:
    color = alt.Color(
        "name:N",
        scale=alt.Scale(domain=list(names), range=[CHOSEN, *CATEGORIES[1:]][: len(names)]),
        legend=alt.Legend(title=None, orient="bottom", symbolType="stroke", symbolOpacity=1, labelLimit=220),
    )
    x = alt.X("share:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5))
    percent = alt.Axis(format="%", tickCount=5)
    y = alt.Y("value:Q", title="probability", scale=alt.Scale(domain=[0, 1], clamp=True), axis=percent)
    base = alt.Chart(table).encode(x=x, color=color)
    band = base.mark_area(opacity=0.18, tooltip=None).encode(y=alt.Y("low:Q", title="probability"), y2=alt.Y2("high:Q"))
    thick = alt.condition("datum.order == 0", alt.value(2.6), alt.value(1.6))
    line = base.mark_line(tooltip=None).encode(y=y, strokeWidth=thick)
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        y=y,
        tooltip=[
            alt.Tooltip("name:N", title="order of the patches"),
            alt.Tooltip("share:Q", format=".0%", title=title),
            alt.Tooltip("value:Q", format=".2%", title="probability"),
        ],
    )
    return alt.LayerChart(layer=[band, line, points], width=WIDTH, height=HEIGHT)


def randomisation_curves(stages: Sequence[str], correlations: Mapping[str, Sequence[float]]) -> Figure:
    """For each map its rank correlation with the original once the weights of each stage, in order, are shuffled too.

    Raises ValueError where a map has another number of stages.
    """
    if any(len(values) != len(stages) for values in correlations.values()):
        raise ValueError("each map has one correlation for each stage")
    table = pd.DataFrame(
        [
            {"map": name, "stage": stage, "order": order, "correlation": value}
            for name, values in correlations.items()
            for order, (stage, value) in enumerate(zip(stages, values, strict=True))
            if np.isfinite(value)
        ],
        columns=["map", "stage", "order", "correlation"],
    )
    names = list(correlations)
    color = alt.Color(
        "map:N",
        scale=alt.Scale(domain=names, range=[CATEGORIES[number % len(CATEGORIES)] for number in range(len(names))]),
        legend=alt.Legend(title=None, orient="bottom", symbolType="stroke", labelLimit=220) if len(names) > 1 else None,
    )
    y = alt.Y(
        "stage:N",
        sort=list(stages),
        scale=alt.Scale(domain=list(stages)),
        title=None,
        axis=alt.Axis(labelLimit=330, labelOverlap=False, ticks=False, domain=False, grid=True),
    )
    x = alt.X("correlation:Q", title="rank correlation", scale=alt.Scale(domain=[-1, 1]), axis=alt.Axis(tickCount=5))
    base = alt.Chart(table).encode(y=y, color=color)
    tips = [alt.Tooltip("map:N"), alt.Tooltip("stage:N"), alt.Tooltip("correlation:Q", format="+.2f")]
    zero = alt.Chart(pd.DataFrame([{"correlation": 0.0}])).mark_rule(color=NEUTRAL, strokeDash=[3, 3], tooltip=None)
    line = base.mark_line(tooltip=None).encode(x=x, order="order:Q")
    points = base.mark_point(filled=True, size=60, opacity=1).encode(x=x, tooltip=tips)
    return figure([zero.encode(x=x), line, points], 300, STAGE * len(stages))
