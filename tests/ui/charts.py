"""Clicks on charts without a browser: AppTest has no charts, so a click sends what the browser would send."""

from __future__ import annotations

import json
from typing import Any

from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest


def chart_keys(at: AppTest) -> list[str]:
    """The keys of all clickable charts on the page."""
    return [_key(chart) for chart in at.get("vega_lite_chart") if chart.proto.id]


def _key(chart: Any) -> str:
    return str(chart.proto.id).rsplit("-", 1)[-1]


def spec(at: AppTest, key: str) -> dict[str, Any]:
    """The Vega-Lite specification of the chart with a key."""
    chart = next(chart for chart in at.get("vega_lite_chart") if chart.proto.id and _key(chart) == key)
    told: dict[str, Any] = json.loads(chart.proto.spec)
    return told


def rows(at: AppTest, key: str) -> list[dict[str, Any]]:
    """The data rows of the clickable chart with a key, without what is missing in them."""
    return _rows(next(chart for chart in at.get("vega_lite_chart") if chart.proto.id and _key(chart) == key))


def told(at: AppTest, title: str) -> list[dict[str, Any]]:
    """The data rows of all charts, clickable or not, whose hovering tells something under a title."""
    charts = at.get("vega_lite_chart")
    return [row for chart in charts if title in _titles(json.loads(chart.proto.spec)) for row in _rows(chart)]


def _titles(chart: dict[str, Any]) -> set[str]:
    marks = [mark.get("encoding", {}).get("tooltip", []) for mark in chart.get("layer", [chart])]
    return {entry.get("title") for tips in marks if isinstance(tips, list) for entry in tips}


def _rows(chart: Any) -> list[dict[str, Any]]:
    tables = [convert_arrow_bytes_to_pandas_df(entry.data.data) for entry in chart.proto.datasets]
    return [
        {name: value for name, value in row.items() if value == value and value is not None}
        for table in tables
        for row in table.to_dict("records")
    ]


def click(at: AppTest, key: str, name: str, *entries: dict[str, int]) -> AppTest:
    """Let the selection `name` of the chart hold `entries`, as it does after they were clicked once each."""
    chart = next(chart for chart in at.get("vega_lite_chart") if chart.proto.id and _key(chart) == key)
    states = at._tree.get_widget_states()
    states.widgets.add(id=chart.proto.id, string_value=json.dumps({"selection": {name: list(entries)}}))
    at._run(states)
    assert not at.exception
    return at
