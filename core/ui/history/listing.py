"""The list: runs that hold some words, in an order, some at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import streamlit as st

from ...runs.info import RunInfo
from ...runs.search import matching
from ..state.workspace import Workspace
from ..widgets.pages import page_of
from .row import row
from .view import HistoryView, Order
from .words import many, title_of

AT_ONCE = 10


def listing(workspace: Workspace, view: HistoryView, kept: Sequence[RunInfo]) -> None:
    """Search, order and the runs that come of them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        words = st.text_input(
            "Search",
            key="history_search",
            persist_state="session",
            placeholder="words of a question, an answer, a note, a tag or a model",
            icon=":material/search:",
            width=420,
        )
        order: Order = st.selectbox("Order", get_args(Order), key="history_order", persist_state="session", width=170)
    _to_compare(view, kept)
    found = ordered(matching(kept, words), order)
    if not found:
        st.caption("No run holds all of these words.")
        return
    if words.strip():
        st.caption(f"{len(found):,} of {many(len(kept), 'run')}.")
    for run in page_of(found, AT_ONCE, f"history_pages_{order}_{words}"):
        row(workspace, view, run)


def ordered(runs: Sequence[RunInfo], order: Order) -> list[RunInfo]:
    """The runs in an order."""
    match order:
        case "begun last":
            return sorted(runs, key=lambda run: run.id, reverse=True)
        case "changed last":
            return sorted(runs, key=lambda run: run.changed, reverse=True)
        case "largest":
            return sorted(runs, key=lambda run: run.bytes, reverse=True)
        case "by title":
            return sorted(runs, key=lambda run: run.title.casefold())


def _to_compare(view: HistoryView, kept: Sequence[RunInfo]) -> None:
    """Which runs are marked, and the button that sets two beside each other."""
    titles = [title_of(run) for id_ in view.chosen for run in kept if run.id == id_]
    if not titles:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="to_compare"):
        st.text(
            f"Compare {titles[0]} with {titles[1] if len(titles) > 1 else 'another run: mark it below.'}",
            width="stretch",
        )
        st.button(
            "Compare",
            key="compare_runs",
            type="primary",
            icon=":material/compare:",
            disabled=len(titles) < 2,
            on_click=_compare,
            args=(view,),
        )
        st.button("Clear selection", key="clear_chosen", type="tertiary", on_click=_clear, args=(view,))


def _compare(view: HistoryView) -> None:
    view.comparing = True


def _clear(view: HistoryView) -> None:
    for id_ in view.chosen:
        st.session_state.pop(f"choose_{id_}", None)
    view.chosen = ()
