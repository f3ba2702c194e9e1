"""Which of a question's pictures is shown, for every page alike."""

from __future__ import annotations

import streamlit as st

from ...answer import Question
from ...geometry import clip_of, frames_together, image_name, images_name
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
        format_func=lambda number: _named(question, number),
        key=key,
        on_change=chosen,
        label_visibility="collapsed",
        width=240,
    )
    together = () if exchange.answer is None else frames_together(exchange.answer.layout, workspace.shown_image)
    if len(together) > 1:
        st.caption(f":material/filter_2: The model reads {images_name(question, together)} as one.")


def _named(question: Question, number: int) -> str:
    clip = clip_of(question, number)
    count = len(question.images) if clip is None else len(clip)
    numbered, _, time = image_name(question, number).partition(" (")
    return f"{numbered} of {count}{f' ({time}' if time else ''}"
