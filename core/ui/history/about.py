"""What somebody says of a run: its title, tags and notes."""

from __future__ import annotations

import streamlit as st

from ...runs.info import RunInfo
from ...runs.limits import LONGEST_NOTES, LONGEST_TAG, LONGEST_TITLE, MOST_TAGS
from ...runs.run import Run
from ..state.workspace import Workspace
from .store import attempt, change
from .view import HistoryView, Told


def about_form(workspace: Workspace, view: HistoryView, run: RunInfo) -> None:
    """Three boxes, and the buttons that keep or leave what is written in them."""
    about = run.manifest
    if about is None:
        return
    with st.form(f"about_{run.id}", border=False):
        title = st.text_input("Title", about.title, LONGEST_TITLE, placeholder="the first question")
        tags = st.text_input(
            "Tags", ", ".join(about.tags), MOST_TAGS * (LONGEST_TAG + 2), placeholder="separated by commas"
        )
        notes = st.text_area("Notes", about.notes, max_chars=LONGEST_NOTES)
        with st.container(horizontal=True):
            save = st.form_submit_button("Save", type="primary")
            leave = st.form_submit_button("Cancel")
    if not save and not leave:
        return

    def write(one: Run) -> None:
        one.rename(title)
        one.tag(*tags.split(","))
        one.note(notes)

    def saved() -> Told | None:
        change(workspace, run.id, write)
        return None

    if leave or attempt(view, saved):
        view.about = None
    st.rerun()
