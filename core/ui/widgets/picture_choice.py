"""Which of a question's pictures is shown, for every page alike."""

from __future__ import annotations

import streamlit as st

from ...answer import Question
from ..state.workspace import Exchange, Workspace
from .target import page_key


def picture_choice(workspace: Workspace, exchange: Exchange, question: Question) -> None:
    """A choice among the pictures of a question, which the whole page then is drawn over; none where it has one."""
    if len(question.images) < 2:
        return
    key = page_key("picture_number", exchange)

    def chosen() -> None:
        workspace.image_number = st.session_state[key]

    st.session_state[key] = workspace.shown_image
    st.selectbox(
        "Picture",
        range(len(question.images)),
        format_func=lambda number: f"picture {number + 1} of {len(question.images)}",
        key=key,
        on_change=chosen,
        label_visibility="collapsed",
        width=220,
    )
