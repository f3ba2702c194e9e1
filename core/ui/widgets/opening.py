"""Open an answer in an explorer: it becomes the one that all pages are about, and the page is switched."""

from __future__ import annotations

import streamlit as st

from ...answer import Answer, Target
from ..state.workspace import Exchange, NamedImage, Workspace

EXPLORERS = {
    "Relevancy": "pages/3_Relevancy.py",
    "Attention Explorer": "pages/2_Attention_Explorer.py",
    "Causal Graph": "pages/4_Causal_Graph.py",
    "Mechanisms": "pages/5_Mechanisms.py",
    "Chat": "pages/1_Chat.py",
}


def look_into(workspace: Workspace, answer: Answer, target: Target, image: NamedImage | None) -> None:
    """Make an answer the one that is looked into, and part of the conversation, so that it can be asked about further.
    An answer that is in it already is not put there twice."""
    exchange = next((other for other in workspace.exchanges if other.answer is answer), None)
    if exchange is None:
        exchange = Exchange(answer.question, () if image is None else (image,), said=answer.text, answer=answer)
        workspace.exchanges.append(exchange)
    if workspace.images != exchange.images:
        workspace.choose_images(exchange.images)
    workspace.inspect(exchange)
    workspace.target = target


def open_in(workspace: Workspace, answer: Answer, target: Target, image: NamedImage | None, key: str) -> None:
    """A menu of the explorers, for an answer that is there with all that was recorded of it."""
    page = chosen_explorer(key)
    if page is not None:
        look_into(workspace, answer, target, image)
        st.switch_page(EXPLORERS[page])


def chosen_explorer(key: str) -> str | None:
    """The menu alone: which explorer was just chosen in it."""
    page = st.menu_button("Open in", list(EXPLORERS), icon=":material/open_in_new:", key=key, type="tertiary")
    return None if page is None else str(page)
