"""The page: which pinned answers there are, and one thing at a time to see of all of them."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from ..state.pins import MOST
from ..state.workspace import Workspace
from ..widgets.part import part
from .answers import answers_panel
from .columns import columns_of, draw_columns
from .graphs import graphs_panel
from .heads import heads_panel
from .lens import lens_panel
from .maps import maps_panel
from .panel import Panel
from .view import BesideView, What

PANELS = {
    "Answers": answers_panel,
    "Maps": maps_panel,
    "Heads": heads_panel,
    "Lens": lens_panel,
    "Graphs": graphs_panel,
}


def beside_page(workspace: Workspace) -> None:
    """Everything below the title."""
    page, below = st.container(), st.container()
    with below:
        workspace.view(BesideView).jobs.finish()
    with page:
        _page(workspace)


@part
def _page(workspace: Workspace) -> None:
    """As a fragment, so that a new target or view draws only this again."""
    if workspace.pins:
        _beside(workspace)
    else:
        _nothing_pinned()


def _nothing_pinned() -> None:
    st.info(
        f"Nothing is pinned yet. Click *Pin* at an answer in Chat, at a re-ask in its table, or in the bar above every "
        f"explorer; up to {MOST} answers are then seen here beside each other.",
        icon=":material/keep:",
    )
    st.page_link("pages/1_Chat.py", label="Go to Chat", icon=":material/chat:")


def _beside(workspace: Workspace) -> None:
    view = workspace.view(BesideView)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        view.what = st.segmented_control(
            "See",
            get_args(What),
            default=view.what,
            required=True,
            key="beside_what",
            persist_state="session",
            wrap=True,
        )
        st.button("Unpin all", key="unpin_all", icon=":material/clear_all:", on_click=_clear, args=(workspace,))
        controls = st.container(horizontal=True, gap="medium", vertical_alignment="bottom", width="content")
    columns = columns_of(workspace)
    PANELS[view.what](Panel(workspace, view, columns, controls, draw_columns(workspace, columns)))
    if len(columns) == 1:
        st.caption("Pin another answer to see it beside this one.")


def _clear(workspace: Workspace) -> None:
    workspace.pins = ()
