"""One finding in full: claim, measure, baseline, rule, every figure with its interval, and heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import altair as alt
import numpy as np
import streamlit as st

from ...cases.findings.finding import Quantity
from ...cases.findings.report import Report
from ...charts.curves import Measured, series_curves
from ...charts.dots import dot_chart
from ...charts.heads import head_map
from ...charts.intervals import Dot
from ..widgets.chips import escaped

AXES = {
    "share": "share",
    "nats": "nats",
    "area": "area under the curve",
    "reciprocal rank": "mean reciprocal rank",
    "correlation": "rank correlation",
    "probability": "probability",
}
WHOLE = {"share", "probability"}
MAP = 200


def finding_panel(report: Report) -> None:
    """Definition, figures and tables of heads."""
    with st.container(border=True):
        st.markdown(f"**Claim.** {escaped(report.claim)}")
        st.caption(escaped(report.paper))
        for name, text in (
            ("Measured", report.measured),
            ("Beside it", report.baseline),
            ("Rule, told before", report.rule),
        ):
            st.markdown(f"**{name}.** {escaped(text)}")
        settings = ", ".join(f"{name} {value}" for name, value in report.settings.items()) or "none"
        st.caption(
            f"What it cannot tell: {escaped(report.caveat)} Settings: {escaped(settings)}. {report.used} of "
            f"{report.asked} readings were of use; {report.seconds:.0f} s. Lines are 95 % intervals."
        )
    with st.container(horizontal=True, gap="medium"):
        _intervals([figure for figure in report.figures if figure.at is None])
        _series([figure for figure in report.figures if figure.at is not None])
    with st.container(horizontal=True, gap="small"):
        for title, table in report.heads.items():
            with st.container(width="content"):
                st.markdown(f"**Heads that {escaped(title)}** (nats)")
                chart = head_map(np.array(table), name="log-probability increase (nats)", signed=True, size=MAP)
                st.altair_chart(chart, width="content", alt=f"heads that {title}")


def _intervals(figures: Sequence[Quantity]) -> None:
    """A chart for each measurement and unit, its figures and their controls below each other."""
    for what, unit in dict.fromkeys((figure.what, figure.estimate.unit) for figure in figures):
        own = [figure for figure in figures if (figure.what, figure.estimate.unit) == (what, unit)]
        chart = dot_chart(
            [_dot(figure) for figure in own],
            title=AXES[unit],
            controls=[number for number, figure in enumerate(own) if figure.control],
            domain=(0.0, 1.0) if unit in WHOLE else None,
        )
        _titled(what, chart)


def _titled(what: str, chart: alt.LayerChart) -> None:
    with st.container(width="content", gap="xsmall"):
        st.caption(escaped(what[:1].upper() + what[1:]))
        st.altair_chart(chart, width="content", alt=what)


def _dot(figure: Quantity) -> Dot:
    estimate = figure.estimate
    if not math.isfinite(estimate.low):
        estimate = replace(estimate, low=estimate.value, high=estimate.value)
    text = f"{estimate.value:.1%}" if estimate.unit == "share" else f"{estimate.value:.3g}"
    return Dot(figure.of, estimate, text)


def _series(figures: Sequence[Quantity]) -> None:
    """A chart of curves for each measurement that is of a series."""
    for what in dict.fromkeys(figure.what for figure in figures):
        own = [figure for figure in figures if figure.what == what]
        names = dict.fromkeys(figure.of for figure in own)
        series = {
            name: [Measured(figure.at or 0.0, figure.estimate) for figure in own if figure.of == name] for name in names
        }
        chart = series_curves(
            series,
            title=AXES[own[0].estimate.unit],
            axis=own[0].axis or "",
            controls=[name for name in names if any(figure.control for figure in own if figure.of == name)],
        )
        _titled(what, chart)
