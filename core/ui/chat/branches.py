"""The way back from Edit and Clear: conversations that were left, each to be gone on with."""

from __future__ import annotations

import streamlit as st

from ...charts.tokens import cut
from ...counted import counted
from ..state.opening import bring_back
from ..state.workspace import Left, Workspace
from ..widgets.chips import escaped

LONGEST = 60
SAYS = {
    "edited": "as it was before Edit",
    "cleared": "as it was before Clear",
    "restored": "as it was before Bring back",
}


def bring_back_control(workspace: Workspace) -> None:
    """A button for the conversation that was left last, a menu where there are several; nothing where there is none."""
    branches = [left for left in reversed(workspace.branches) if left.ids]
    if not branches:
        return
    if len(branches) == 1:
        if st.button(
            "Bring back", key="bring_back", icon=":material/undo:", type="tertiary", help=in_words(branches[0])
        ):
            bring_back(workspace, branches[0])
            st.rerun()
        return
    chosen = st.menu_button(
        "Bring back",
        range(len(branches)),
        format_func=lambda number: in_words(branches[number]),
        key=f"bring_back_{len(branches)}",
        icon=":material/undo:",
        type="tertiary",
    )
    if chosen is not None:
        bring_back(workspace, branches[int(chosen)])
        st.rerun()


def in_words(left: Left) -> str:
    """A conversation in a line: "As it was before Edit: 3 questions, the last “And the door?”", safe as a label."""
    last = cut(" ".join(left.questions[-1].split()), LONGEST)
    return f"The conversation {SAYS[left.why]}: {counted(len(left.ids), 'question')}, the last “{escaped(last)}”"
