"""One run of the list: its picture, what it is, and what can be done with it."""

from __future__ import annotations

import streamlit as st

from ...runs.info import RunInfo
from ..state.opening import open_run
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from .about import about_form
from .bundles import FORMS, hand_over
from .store import attempt, delete, duplicate
from .view import HistoryView
from .words import facts, one_line

THUMBNAIL = 96
ABOUT, COPY, DELETE = "Title, tags and notes", "Duplicate", "Delete"
SAVE = {f"Save: {name.lower()}": name for name in FORMS}
ICONS = {ABOUT: "edit", COPY: "content_copy", **dict.fromkeys(SAVE, "download"), DELETE: "delete"}
MOST_TAGS_SHOWN = 12


def row(workspace: Workspace, view: HistoryView, run: RunInfo) -> None:
    """The run in a box."""
    with st.container(border=True, key=f"run_{run.id}"):
        with st.container(horizontal=True, gap="medium"):
            with st.container(width=THUMBNAIL):
                thumbnail(run)
            with st.container(width="stretch", gap="xsmall", key=f"run_text_{run.id}"):
                in_words(run)
                _actions(workspace, view, run)
        if view.about == run.id:
            about_form(workspace, view, run)
        hand_over(workspace, view, run)


def thumbnail(run: RunInfo) -> None:
    """The first picture, small."""
    small = run.thumbnail()
    if small is None:
        st.markdown(":material/broken_image:" if run.trouble else ":material/chat:")
    else:
        st.image(small, width=THUMBNAIL, alt="the first picture")


def in_words(run: RunInfo) -> None:
    """Title, first question and answer, tags, and what it is made of; or why it cannot be read."""
    st.markdown(f"**{escaped(one_line(run.title)) or 'Without a title'}**")
    about = run.manifest
    if about is None:
        st.text(run.trouble or "")
    else:
        first = next(iter(about.conversation or about.turns), None)
        if first is not None:
            asked = f"{one_line(first.question)} " if about.title else ""
            st.text(f"{asked}→ {one_line(first.answer) if first.answer else 'no answer'}")
        if about.tags:
            st.markdown(" ".join(f":gray-badge[{escaped(tag)}]" for tag in about.tags[:MOST_TAGS_SHOWN]))
        if about.notes.strip():
            st.caption(escaped(one_line(about.notes)))
    st.caption(facts(run))


def _actions(workspace: Workspace, view: HistoryView, run: RunInfo) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button("Open", key=f"open_{run.id}", icon=":material/open_in_new:"):
            open_run(workspace, run.id)
            st.switch_page("pages/1_Chat.py")
        chosen = st.menu_button(
            "More",
            list(ICONS) if run.manifest else [*SAVE, DELETE],
            key=f"more_{run.id}",
            format_func=lambda name: f":material/{ICONS[name]}: {name}",
        )
        if run.manifest is not None:
            _mark(view, run.id)
    if chosen is None:
        return
    if chosen == ABOUT:
        view.about, view.told = run.id, None
    elif chosen == COPY:
        with st.spinner("Copying the run …"):
            attempt(view, lambda: duplicate(run.id))
    elif chosen in SAVE:
        view.packing, view.told = (run.id, SAVE[chosen]), None
    elif chosen == DELETE:
        attempt(view, lambda: delete(workspace, [run.id]))
    st.rerun()


def _mark(view: HistoryView, id_: str) -> None:
    """Whether this run is one of the two to compare."""
    key = f"choose_{id_}"
    st.session_state[key] = id_ in view.chosen

    def marked() -> None:
        others = tuple(one for one in view.chosen if one != id_)
        view.chosen = (*others, id_) if st.session_state[key] else others

    st.checkbox(
        "Compare",
        key=key,
        on_change=marked,
        disabled=len(view.chosen) == 2 and id_ not in view.chosen,
        help="Mark two runs to see them side by side.",
    )
