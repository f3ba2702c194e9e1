"""Clicks on charts without a browser: AppTest has no charts, so a click sends what the browser would send."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest


def chart_keys(at: AppTest) -> list[str]:
    """The keys of all clickable charts on the page."""
    return [_key(chart) for chart in at.get("vega_lite_chart") if chart.proto.id]


def _key(chart: Any) -> str:
    return str(chart.proto.id).rsplit("-", 1)[-1]


def spec(at: AppTest, key: str) -> dict[str, Any]:
    """The Vega-Lite specification of the chart with a key."""
    chart = next(chart for chart in at.get("vega_lite_chart") if chart.proto.id and _key(chart) == key)
    found: dict[str, Any] = json.loads(chart.proto.spec)
    return found


def click(at: AppTest, key: str, name: str, *entries: dict[str, int]) -> AppTest:
    """Let the selection `name` of the chart hold `entries`, as it does after they were clicked once each."""
    chart = next(chart for chart in at.get("vega_lite_chart") if chart.proto.id and _key(chart) == key)
    states = at._tree.get_widget_states()
    states.widgets.add(id=chart.proto.id, string_value=json.dumps({"selection": {name: list(entries)}}))
    at._run(states)
    assert not at.exception
    return at
