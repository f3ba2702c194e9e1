"""The page: what is kept, found by words, and below the list what comes in from elsewhere, the trash and the limits."""

from __future__ import annotations

import streamlit as st

from ...errors import RunError
from ...quantities import file_size
from ...runs.info import RunInfo
from ..state.keeping import runs
from ..state.workspace import Workspace
from .bundles import take_in
from .compare import compare_panel
from .limits import limits_panel
from .listing import listing
from .store import attempt, undelete
from .trash import trash_panel
from .view import HistoryView
from .words import many

MOST_DAMAGE = 6
_STYLE = """<style>
.st-key-history_told { position: fixed; bottom: 1.5rem; right: 2rem; width: min(30rem, 90vw) !important; z-index: 100;
  background: Canvas; box-shadow: 0 2px 12px rgb(0 0 0 / 0.25); max-height: 70vh; overflow-y: auto; }
</style>"""


def history_page(workspace: Workspace) -> None:
    """Everything below the title."""
    view = workspace.view(HistoryView)
    try:
        kept, trash = runs().list(), runs().trash()
    except RunError as error:
        st.text(str(error))
        return
    chosen = [run for id_ in view.chosen for run in kept if run.id == id_]
    view.chosen = tuple(run.id for run in chosen)
    if view.comparing and len(chosen) == 2:
        compare_panel(view, chosen[0], chosen[1])
        return
    view.comparing = False
    _head(kept, trash)
    _told(view)
    view.last = None
    if kept:
        listing(workspace, view, kept)
    else:
        st.info(
            "Nothing is kept yet. Ask a question in Chat: the conversation, its pictures and all that you compute "
            "about it will be listed here, to be opened, compared, handed over and deleted.",
            icon=":material/history:",
        )
    st.space("small")
    take_in(view)
    trash_panel(view, trash)
    limits_panel(workspace, view, kept)
    _do_last(view)


def _do_last(view: HistoryView) -> None:
    last, view.last = view.last, None
    if last is not None:
        last()


def _head(kept: tuple[RunInfo, ...], trash: tuple[RunInfo, ...]) -> None:
    """What a run is, and what all of them take."""
    total = f"{many(len(kept), 'run')}, {file_size(sum(run.bytes for run in kept))}"
    if trash:
        total += f"; {file_size(sum(run.bytes for run in trash))} in the trash"
    st.caption(
        f"A run is a conversation with all that was computed about it, kept on this machine as it is made. {total}."
    )


def _told(view: HistoryView) -> None:
    """What came of the last click, and a way back where it deleted something: in a corner of the window, for what was
    clicked may be anywhere on a long page."""
    told = view.told
    if told is None:
        return
    st.html(_STYLE)
    with st.container(border=True, gap="small", key="history_told"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(":material/error:" if told.wrong else ":material/check_circle:", width="content")
            st.text(told.sentence, width="stretch")
            st.button(
                "",
                key="hide_told",
                icon=":material/close:",
                type="tertiary",
                help="Hide this",
                on_click=_hide,
                args=(view,),
            )
        if told.deleted:
            st.button("Undo", key="undo_delete", icon=":material/undo:", on_click=_undo, args=(view, told.deleted))
        for sentence in told.damage[:MOST_DAMAGE]:
            st.text(sentence)
        if len(told.damage) > MOST_DAMAGE:
            st.caption(f"And {many(len(told.damage) - MOST_DAMAGE, 'more piece')}.")


def _undo(view: HistoryView, ids: tuple[str, ...]) -> None:
    attempt(view, lambda: undelete(ids))


def _hide(view: HistoryView) -> None:
    view.told = None
