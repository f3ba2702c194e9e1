"""Curves over layers and over numbers of heads: what cutting does to a log-probability, and what is found of many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float

from ..statistics.estimate import Estimate
from .figure import Figure, figure
from .palette import CATEGORIES, CHOSEN, NEUTRAL, OTHER, PICKED

CHANGE = "change in log-probability (nats)"


@dataclass(frozen=True)
class WindowPoint:
    """What a cut in the layers `first` to `last` changes a log-probability by (nats), and what is then said."""

    first: int
    last: int
    change: float
    said: str


def window_curves(
    curves: Mapping[str, Sequence[WindowPoint]],
    *,
    layers: int,
    chosen: tuple[str, int] | None = None,
    click: str | None = None,
    width: int = 620,
    height: int = 250,
) -> Figure:
    """A line for each named curve, a point for each window in the middle of its layers; the model has `layers`.

    The point of the `chosen` curve and first layer is ringed; with `click`, clicks toggle an entry with "cut" and
    "first". Raises ValueError without points.
    """
    table = pd.DataFrame(
        [
            {
                "cut": name,
                "first": point.first,
                "layer": (point.first + point.last) / 2,
                "layers": str(point.first) if point.first == point.last else f"{point.first} to {point.last}",
                "change": point.change,
                "said": point.said,
                "on": (name, point.first) == chosen,
            }
            for name, points in curves.items()
            for point in points
            if np.isfinite(point.change)
        ]
    )
    if table.empty:
        raise ValueError("there is no point to draw")
    names = list(curves)
    color = alt.Color(
        "cut:N",
        scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])),
        legend=alt.Legend(title=None, orient="bottom", columns=2, labelLimit=300, symbolType="stroke", symbolOpacity=1),
    )
    x = alt.X(
        "layer:Q",
        title="middle of the layers cut",
        scale=alt.Scale(domain=[-0.3, layers - 0.7], nice=False),
        axis=alt.Axis(values=list(range(0, layers, max(1, layers // 12))), format="d", grid=False),
    )
    y = alt.Y("change:Q", title=CHANGE)
    tips = [
        alt.Tooltip("cut:N"),
        alt.Tooltip("layers:N", title="layers cut"),
        alt.Tooltip("change:Q", format="+.3f", title="change (nats)"),
        alt.Tooltip("said:N", title="most probable then"),
    ]
    base = alt.Chart(table).encode(x=x, y=y, color=color)
    lines = base.mark_line(strokeWidth=2, tooltip=None)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(tooltip=tips)
    marks = [_zero(), lines, points]
    if table["on"].any():
        ring = alt.Chart(table[table["on"]]).mark_point(size=220, stroke=PICKED, strokeWidth=2.5, tooltip=None)
        marks.append(ring.encode(x=x, y=y))
    if click:
        # Larger than the points, which are hard to hit.
        top = base.mark_point(filled=True, size=400, opacity=0, cursor="pointer").encode(tooltip=tips)
        toggle = alt.selection_point(name=click, fields=["cut", "first"], on="click", toggle="true", empty=False)
        marks.append(top.add_params(toggle))
    return figure(marks, width, height)


def _zero() -> alt.Chart:
    rule = alt.Chart(pd.DataFrame([{"change": 0.0}])).mark_rule(color=NEUTRAL, strokeDash=[3, 3], tooltip=None)
    return rule.encode(y=alt.Y("change:Q", title=CHANGE))


def ranking_curve(
    counts: Sequence[int],
    ranked: Float[np.ndarray, "count"],
    random: Float[np.ndarray, "draw count"],
    *,
    name: str,
    width: int = 420,
    height: int = 230,
) -> Figure:
    """The change in log-probability when the first k heads of a ranking called `name` are taken away, beside as many
    random heads: their mean, and a band from the least to the greatest of the draws.

    Raises ValueError where figures and counts are not of one length.
    """
    if ranked.shape != (len(counts),) or random.shape[1:] != (len(counts),):
        raise ValueError("each number of heads has one figure, and one for each draw")
    table = pd.DataFrame(
        {
            "heads": counts,
            "change": ranked,
            "mean": random.mean(0),
            "least": random.min(0),
            "most": random.max(0),
        }
    )
    x = alt.X(
        "heads:Q",
        title="heads taken away",
        scale=alt.Scale(nice=False),
        axis=alt.Axis(values=list(counts), format="d", grid=False, labelOverlap="greedy"),
    )
    base = alt.Chart(table).encode(x=x)
    tips = [
        alt.Tooltip("heads:Q"),
        alt.Tooltip("change:Q", format="+.3f", title=name),
        alt.Tooltip("mean:Q", format="+.3f", title="random heads, mean"),
        alt.Tooltip("least:Q", format="+.3f", title="random heads, least"),
        alt.Tooltip("most:Q", format="+.3f", title="random heads, most"),
    ]
    band = base.mark_area(color=OTHER, opacity=0.35, tooltip=None).encode(
        y=alt.Y("least:Q", title=CHANGE), y2=alt.Y2("most:Q")
    )
    mean = base.mark_line(color=OTHER, strokeDash=[5, 3], tooltip=None).encode(y=alt.Y("mean:Q", title=CHANGE))
    line = base.mark_line(color=CHOSEN, strokeWidth=2.5, tooltip=None).encode(y=alt.Y("change:Q", title=CHANGE))
    points = base.mark_point(color=CHOSEN, filled=True, size=70, opacity=1).encode(
        y=alt.Y("change:Q", title=CHANGE), tooltip=tips
    )
    return figure([_zero(), band, mean, line, points], width, height)


@dataclass(frozen=True)
class Measured:
    """A figure at one place of a series."""

    at: float
    estimate: Estimate


def series_curves(
    series: Mapping[str, Sequence[Measured]],
    *,
    title: str,
    axis: str,
    controls: Collection[str] = (),
    interval: str = "95%",
    width: int = 420,
    height: int = 230,
    logarithmic: bool = False,
) -> Figure:
    """A line for each named series, with the interval of each point that has one (not NaN), whose ends hovering calls
    those of `interval`; `controls` are dashed. `logarithmic` is the scale of the figures. Raises ValueError without
    points."""
    table = pd.DataFrame(
        [
            {"series": name, "at": point.at, **vars(point.estimate)}
            for name, points in series.items()
            for point in points
            if np.isfinite(point.estimate.value)
        ]
    )
    if table.empty:
        raise ValueError("there is no point to draw")
    names = list(series)
    color = alt.Color(
        "series:N",
        scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])),
        legend=alt.Legend(title=None, orient="bottom", columns=2, labelLimit=220, symbolType="stroke", symbolOpacity=1),
    )
    places = sorted(set(table["at"]))
    x = alt.X(
        "at:Q",
        title=axis,
        scale=alt.Scale(nice=False),
        axis=alt.Axis(values=places, grid=False, labelOverlap="greedy"),
    )
    y = alt.Y("value:Q", title=title, scale=alt.Scale(type="log", nice=False) if logarithmic else alt.Undefined)
    dash = alt.condition(alt.FieldOneOfPredicate("series", list(controls)), alt.value([5, 3]), alt.value([1, 0]))
    tips = [
        alt.Tooltip("series:N", title="of"),
        alt.Tooltip("at:Q", title=axis),
        alt.Tooltip("value:Q", format=".4f", title=title),
    ]
    ends = [
        alt.Tooltip("low:Q", format=".4f", title=f"{interval} from"),
        alt.Tooltip("high:Q", format=".4f", title="to"),
    ]
    known = table["low"].notna()
    marks: list[alt.Chart] = []
    if known.any():
        bars = alt.Chart(table[known]).mark_rule(opacity=0.5, strokeWidth=2, tooltip=None)
        marks.append(bars.encode(x=x, color=color, y=alt.Y("low:Q", title=title), y2="high:Q"))
    lines = alt.Chart(table).mark_line(strokeWidth=2, tooltip=None)
    marks.append(lines.encode(x=x, color=color, y=y, strokeDash=dash))
    for some, told in ((table[known], [*tips, *ends]), (table[~known], tips)):
        if len(some):
            points = alt.Chart(some).mark_point(filled=True, size=60, opacity=1)
            marks.append(points.encode(x=x, color=color, y=y, tooltip=told))
    return figure(marks, width, height)
