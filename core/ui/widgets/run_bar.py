"""The run that this tab keeps: what it is called, that it is kept, what it takes, and a way to begin another one."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...quantities import file_size
from ...runs.limits import LONGEST_TITLE
from ..state.keeper import RunKeeper
from ..state.opening import go_on_as_copy, open_run
from ..state.workspace import Workspace
from .part import part

PATIENCE = 0.2
"""Seconds that a drawn page waits for the disk, to tell what is kept."""
LOOK_AGAIN = 2.0
"""Seconds between two looks of a page whether it is, where that was not long enough."""


def run_bar(workspace: Workspace) -> DeltaGenerator:
    """The bar, in the sidebar. Returns the place of its line about the disk, for `tell_kept`."""
    st.markdown(":material/folder_open: **Run**")
    keeper = workspace.run
    if keeper is None:
        line = st.empty()
        line.caption("It begins with your first question, and is kept from then on.")
        return line
    st.text(keeper.title or "Nothing asked yet")
    line = st.empty()
    _status(workspace, line)
    with st.container(horizontal=True, gap="small"):
        with st.popover("Rename", icon=":material/edit:", disabled=keeper.looking):
            title = st.text_input(
                "Name",
                value=keeper.title,
                max_chars=LONGEST_TITLE,
                key=f"run_title_{keeper.id}",
                disabled=keeper.looking,
            )
            if title.strip() != keeper.title and not keeper.looking:
                keeper.rename(title)
                st.rerun()
        st.button(
            "New conversation",
            icon=":material/add_comment:",
            key="new_conversation",
            on_click=workspace.begin_anew,
            help="This one stays as it is, under its name.",
        )
    return line


def tell_kept(workspace: Workspace, line: DeltaGenerator) -> None:
    """Say once more in the line of the bar what is kept. To be called when all else is drawn."""
    if workspace.run is not None:
        if workspace.run.waiting:
            workspace.run.flush(PATIENCE)
        _status(workspace, line)


def _status(workspace: Workspace, line: DeltaGenerator) -> None:
    keeper = workspace.run
    assert keeper is not None
    if keeper.waiting:
        with line:
            _being_kept(workspace)
    else:
        line.caption(_said(keeper))


@partial(part, run_every=LOOK_AGAIN)
def _being_kept(workspace: Workspace) -> None:
    """Looks by itself whether the disk has it all by now."""
    if workspace.run is not None:
        st.caption(_said(workspace.run))


def _said(keeper: RunKeeper) -> str:
    size = f"{file_size(keeper.bytes)} on disk" if keeper.bytes else "on disk"
    if keeper.looking:
        return f":material/visibility: Read only · {size}"
    if keeper.trouble is not None:
        return ":material/error: Not kept"
    if keeper.waiting:
        return ":material/progress_activity: Being kept …"
    return f":material/check_circle: Kept · {size}"


def run_notices(workspace: Workspace) -> None:
    """What is to be said of the run above a page: that another tab keeps it, what is not kept, and what was not read.
    Names of files are untrusted, so this is plain text."""
    keeper = workspace.run
    trouble = [workspace.run_trouble] if workspace.run_trouble else []
    if keeper is not None:
        trouble += [why for why in (keeper.trouble, keeper.lost()) if why]
        trouble += [why for why in keeper.run.damage if why not in keeper.told]
    if trouble:
        with st.container(border=True, key="run_trouble"):
            unread = keeper is not None and bool(keeper.run.damage) and keeper.trouble is None
            what = (
                "Not all of this run can be read" if unread else "Not everything is kept" if keeper else "No run here"
            )
            st.markdown(f":material/error: **{what}**")
            for why in trouble:
                st.text(why)
            if st.button("Understood", key="run_trouble_seen"):
                workspace.run_trouble = None
                if keeper is not None:
                    keeper.told.update(keeper.run.damage)
                st.rerun()
    if workspace.run_note:
        with st.container(border=True, key="run_note", horizontal=True, vertical_alignment="center"):
            st.text(workspace.run_note)
            if keeper is not None and keeper.looking:
                if st.button("Go on with a copy", key="run_copy", type="primary"):
                    go_on_as_copy(workspace)
                    st.rerun()
                if st.button("Look again", key="run_again", help="It may have changed, or be free by now."):
                    open_run(workspace, keeper.id)
                    st.rerun()
            elif st.button("Understood", key="run_note_seen", type="tertiary"):
                workspace.run_note = None
                st.rerun()
