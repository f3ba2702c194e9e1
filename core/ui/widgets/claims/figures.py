"""The figures of a claim: each with its interval beside its controls, series as curves, and tables of heads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import altair as alt
import numpy as np
import streamlit as st

from ....charts.curves import Measured, series_curves
from ....charts.dots import dot_chart
from ....charts.heads import head_map
from ....charts.intervals import Dot
from ....claims.claim import HeadTable
from ....claims.figures import Figure
from .. import spoken
from ..chips import escaped
from ..tables import Row

AXES = {
    "share": "share",
    "nats": "nats",
    "area": "area under the curve",
    "reciprocal rank": "mean reciprocal rank",
    "correlation": "rank correlation",
    "probability": "probability",
}
WHOLE = {"share", "probability"}
MAP, CURVE = 230, 290
"""Widths of plots in pixels: with their axes they fit a phone."""


def figure_charts(figures: Sequence[Figure]) -> None:
    """A chart for each measurement and unit, its figures and their controls below each other; and one of curves for
    each that is of a series."""
    alone = [figure for figure in figures if figure.at is None]
    with st.container(horizontal=True, gap="medium"):
        for what, unit in dict.fromkeys((figure.what, figure.estimate.unit) for figure in alone):
            own = [figure for figure in alone if (figure.what, figure.estimate.unit) == (what, unit)]
            chart = dot_chart(
                [_dot(figure) for figure in own],
                title=AXES[unit],
                controls=[number for number, figure in enumerate(own) if figure.control],
                domain=(0.0, 1.0) if unit in WHOLE else None,
            )
            _titled(what, chart)
        _curves([figure for figure in figures if figure.at is not None and math.isfinite(figure.estimate.value)])


def figure_rows(figures: Sequence[Figure], heads: Mapping[str, HeadTable]) -> list[Row]:
    """The numbers of all of them, and of the tables of heads; layers and heads count from 0, as on screen."""
    rows: list[Row] = [
        {
            "what": figure.what,
            "of": figure.of,
            "at": figure.at,
            "unit": figure.estimate.unit,
            "value": figure.estimate.value,
            "low": figure.estimate.low,
            "high": figure.estimate.high,
            "count": figure.estimate.count,
        }
        for figure in figures
    ]
    for title, table in heads.items():
        for (layer, head), increase in np.ndenumerate(np.array(table)):
            of = f"layer {layer}, head {head}"
            rows.append({"what": f"heads that {title}", "of": of, "unit": "nats", "value": float(increase)})
    return rows


def head_tables(tables: Mapping[str, HeadTable]) -> None:
    """A map of layers by heads for each table."""
    with st.container(horizontal=True, gap="large"):
        for title, table in tables.items():
            with st.container(width="content"):
                st.markdown(f"**Heads that {escaped(title)}**")
                chart = head_map(np.array(table), name="log-probability increase (nats)", signed=True, size=MAP)
                st.altair_chart(chart, width="content", alt=f"heads that {title}")
    if tables:
        st.caption(
            "Log-probability increase of the word's first token by each head (Yu and Ananiadou 2024), the mean over "
            "all scenes, in nats, each on its own scale."
        )


def _titled(what: str, chart: alt.LayerChart) -> None:
    with st.container(width="content", gap="xsmall"):
        st.caption(escaped(what[:1].upper() + what[1:]))
        st.altair_chart(chart, width="content", alt=what)


def _dot(figure: Figure) -> Dot:
    """A figure without an interval is drawn as a dot alone."""
    estimate = figure.estimate
    if not math.isfinite(estimate.low):
        estimate = replace(estimate, low=estimate.value, high=estimate.value)
    told = {"share": spoken.share, "nats": spoken.change}.get(estimate.unit, spoken.plain)(estimate)
    return Dot(figure.of, estimate, f"{told}, n {estimate.count}" if estimate.count else told)


def _curves(figures: Sequence[Figure]) -> None:
    for what in dict.fromkeys(figure.what for figure in figures):
        own = [figure for figure in figures if figure.what == what]
        names = dict.fromkeys(figure.of for figure in own)
        series = {name: [_point(figure) for figure in own if figure.of == name] for name in names}
        chart = series_curves(
            series,
            title=AXES[own[0].estimate.unit],
            axis=own[0].axis or "",
            controls=[name for name in names if any(figure.control for figure in own if figure.of == name)],
            width=CURVE,
        )
        _titled(what, chart)


def _point(figure: Figure) -> Measured:
    return Measured(figure.at or 0.0, figure.estimate)
