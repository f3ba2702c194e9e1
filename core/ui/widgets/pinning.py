"""Pin an answer, wherever it stands, and the way to where pinned answers are seen beside each other."""

from __future__ import annotations

import streamlit as st

from ...answer import Answer, Target
from ...counted import counted
from ..state.pins import MOST, pin, pinned, unpin
from ..state.workspace import NamedImage, Workspace

PAGE = "pages/8_Side_by_Side.py"


def pin_button(
    workspace: Workspace,
    answer: Answer,
    images: tuple[NamedImage, ...],
    key: str,
    *,
    target: Target | None = None,
    label: str = "",
) -> None:
    """A button that pins an answer with its target, or takes its pin away. `label` says what is special about it."""
    here = pinned(workspace, answer)
    if here is not None:
        st.button(
            "Unpin", key=key, type="tertiary", icon=":material/keep_off:", on_click=unpin, args=(workspace, here.id)
        )
        return
    full = len(workspace.pins) >= MOST
    st.button(
        "Pin",
        key=key,
        type="tertiary",
        icon=":material/keep:",
        disabled=full,
        help=f"{MOST} answers are pinned. Unpin one to pin this one."
        if full
        else f"See it beside others on Side by Side: {MOST} at most.",
        on_click=pin,
        args=(workspace, answer, images, target, label),
    )


def pins_link(workspace: Workspace) -> None:
    """The way to Side by Side, where something is pinned."""
    if workspace.pins:
        st.page_link(
            PAGE, label=f"Side by Side: {counted(len(workspace.pins), 'answer')}", icon=":material/view_column:"
        )
