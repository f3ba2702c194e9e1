"""Clicks on charts as events, whatever the chart itself remembers.

What is chosen belongs to the workspace and is drawn by Python; a chart only says "this was clicked". Vega-Lite keeps
a selection of its own, and a click on what it holds already would not be told. So every selection toggles, and the
click is the entry that came or went since the last one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import altair as alt
import streamlit as st

Entry = Mapping[str, Any]


def clickable(chart: alt.LayerChart, name: str, key: str, clicked: Callable[[Entry], None], description: str) -> None:
    """A chart whose selection `name` toggles by clicks; each click calls `clicked` with its entry, before the page is
    drawn again. `description` is read to those who cannot see the chart."""
    seen_key = f"{key}_seen"
    if key not in st.session_state:
        # The chart is new on this page: whatever it held before is gone.
        st.session_state[seen_key] = set()

    def selected() -> None:
        entries = _entries(st.session_state[key], name)
        seen: set[str] = st.session_state[seen_key]
        new = [entry for entry in entries if entry not in seen] or [entry for entry in seen if entry not in entries]
        st.session_state[seen_key] = set(entries)
        if new:
            clicked(json.loads(new[-1]))

    st.altair_chart(chart, width="content", key=key, on_select=selected, selection_mode=[name], alt=description)


def _entries(state: Any, name: str) -> list[str]:
    """The entries of a selection, each as text that equals that of the same entry, in the order they were clicked.

    A click on a mark without the selection's fields, such as the veil over what the model never sees, has an entry
    with nothing in it, which is left out."""
    entries = (state.get("selection") or {}).get(name) or []
    return [json.dumps(entry, sort_keys=True) for entry in entries if entry and None not in entry.values()]
