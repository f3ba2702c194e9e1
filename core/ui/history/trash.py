"""What was deleted: put back, or removed for good."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...quantities import file_size
from ...runs.info import RunInfo
from ..state.keeping import runs
from ..widgets.pages import page_of
from .row import in_words, thumbnail
from .store import attempt, undelete
from .view import HistoryView, Told
from .words import many

AT_ONCE = 5
SMALL = 96


def trash_panel(view: HistoryView, trash: Sequence[RunInfo]) -> None:
    """The runs in the trash; nothing where it is empty."""
    if not trash:
        view.emptying = False
        return
    total = file_size(sum(run.bytes for run in trash))
    with st.expander(f"Trash: {many(len(trash), 'run')}, {total}", icon=":material/delete:", key="trash"):
        for run in page_of(trash, AT_ONCE, "trash_pages"):
            with st.container(border=True, horizontal=True, gap="medium"):
                with st.container(width=SMALL):
                    thumbnail(run)
                with st.container(width="stretch", gap="xsmall"):
                    in_words(run)
                    st.button(
                        "Put back",
                        key=f"back_{run.id}",
                        icon=":material/restore_from_trash:",
                        on_click=_put_back,
                        args=(view, run.id),
                    )
        _empty(view, len(trash), total)


def _put_back(view: HistoryView, id_: str) -> None:
    attempt(view, lambda: undelete([id_]))


def _empty(view: HistoryView, count: int, total: str) -> None:
    """The button that removes all for good, which asks once more."""
    if not view.emptying:
        st.button(
            "Empty the trash", key="empty_trash", icon=":material/delete_forever:", on_click=_ask, args=(view, True)
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(f"Remove {many(count, 'run')} ({total}) for good? This cannot be undone.")
        st.button("Remove for good", key="really_empty", type="primary", on_click=_emptied, args=(view,))
        st.button("Keep", key="keep_trash", on_click=_ask, args=(view, False))


def _ask(view: HistoryView, emptying: bool) -> None:
    view.emptying = emptying


def _emptied(view: HistoryView) -> None:
    view.emptying = False

    def empty() -> Told:
        return Told(f"The trash is empty: {file_size(runs().empty_trash())} are free again.")

    attempt(view, empty)
