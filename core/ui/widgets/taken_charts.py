"""Charts taken away as files: drawn as they are on screen, with their numbers where these are not in a table beside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import altair as alt
import streamlit as st

from ...charts.intervals import Pair
from ...charts.still import png_of_svg, still_svg
from ...charts.tokens import AlignedToken
from .tables import Row, rows_csv

Drawable = alt.TopLevelMixin | Callable[[], alt.TopLevelMixin]
"""A chart, or what makes one."""


def save_chart(chart: Drawable, name: str, key: str, rows: Sequence[Row] = ()) -> None:
    """A popover with the files of one chart, or of what makes it; made when they are asked for."""
    with st.popover("Save", icon=":material/download:", type="tertiary"):
        st.download_button(
            "Picture (PNG)", partial(_png, chart), f"{name}.png", "image/png", f"{key}_png", on_click="ignore"
        )
        st.download_button(
            "Picture (SVG)", partial(_svg, chart), f"{name}.svg", "image/svg+xml", f"{key}_svg", on_click="ignore"
        )
        if rows:
            st.download_button(
                "Numbers (CSV)", partial(rows_csv, rows), f"{name}.csv", "text/csv", f"{key}_csv", on_click="ignore"
            )


def aligned_rows(columns: Sequence[AlignedToken]) -> list[Row]:
    """The numbers of two answers set side by side token by token."""
    return [{"first": one.original, "second": one.other, "change (nats)": one.change} for one in columns]


def pair_rows(pairs: Sequence[Pair]) -> list[Row]:
    """The numbers of figures with their intervals, and of their controls."""
    return [
        {
            "what": pair.what,
            "of": dot.name,
            "value": dot.estimate.value,
            "low": dot.estimate.low,
            "high": dot.estimate.high,
            "count": dot.estimate.count,
        }
        for pair in pairs
        for dot in (pair.figure, pair.control)
        if dot is not None
    ]


def _svg(chart: Drawable) -> str:
    return still_svg(chart if isinstance(chart, alt.TopLevelMixin) else chart())


def _png(chart: Drawable) -> bytes:
    return png_of_svg(_svg(chart))
