"""Limits by age and size, which propose what could be deleted, and delete nothing."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

import streamlit as st

from ...quantities import file_size
from ...runs.budget import StoreLimits, proposals
from ...runs.info import RunInfo
from ..state.keeping import runs
from ..state.workspace import Workspace
from ..widgets.pages import page_of
from .store import attempt, delete
from .view import HistoryView, Told
from .words import many, one_line

GIGABYTE = 10**9
AT_ONCE = 5


def limits_panel(workspace: Workspace, view: HistoryView, kept: Sequence[RunInfo]) -> None:
    """How old and how large runs may be, and those that are beyond it."""
    limits = runs().limits
    beyond = proposals(kept, limits, time())
    label = "Limits" if not beyond else f"Limits: {many(len(beyond), 'run')} beyond them"
    with st.expander(label, icon=":material/straighten:", key="limits"):
        st.caption("Runs beyond a limit are listed here. Nothing is ever deleted unless you say so.")
        _boxes(view, limits)
        if not beyond:
            return
        for proposal in page_of(beyond, AT_ONCE, "limit_pages"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(
                    f"{one_line(proposal.run.title, 80)} ({file_size(proposal.run.bytes)}). {proposal.why}",
                    width="stretch",
                )
                st.button(
                    "Delete",
                    key=f"beyond_{proposal.run.id}",
                    icon=":material/delete:",
                    on_click=_delete,
                    args=(workspace, view, [proposal.run.id]),
                )
        if len(beyond) > 1:
            freed = file_size(sum(proposal.run.bytes for proposal in beyond))
            st.button(
                f"Delete all {len(beyond):,} ({freed})",
                key="beyond_all",
                icon=":material/delete_sweep:",
                help="They go to the trash.",
                on_click=_delete,
                args=(workspace, view, [proposal.run.id for proposal in beyond]),
            )


def _boxes(view: HistoryView, limits: StoreLimits) -> None:
    with st.form("limits_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.number_input(
            "Days since a run was changed", 1, None, _whole(limits.days), 1, placeholder="no limit", width=220
        )
        gigabytes = st.number_input(
            "Gigabytes of all runs",
            0.1,
            None,
            None if limits.bytes is None else limits.bytes / GIGABYTE,
            1.0,
            format="%.1f",
            placeholder="no limit",
            width=220,
        )
        save = st.form_submit_button("Set limits")
    if not save:
        return

    def set_() -> Told:
        most = None if gigabytes is None else round(gigabytes * GIGABYTE)
        runs().set_limits(StoreLimits(None if days is None else float(days), most))
        return Told("The limits are set.")

    attempt(view, set_)
    st.rerun()


def _whole(days: float | None) -> int | None:
    return None if days is None else max(1, round(days))


def _delete(workspace: Workspace, view: HistoryView, ids: list[str]) -> None:
    attempt(view, lambda: delete(workspace, ids))
