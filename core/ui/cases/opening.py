"""Open an answer in an explorer: it becomes the one that all pages are about, and the page is switched."""

from __future__ import annotations

import streamlit as st

from core.answer import Answer, Target
from core.ui.state import Exchange, Picture, Workspace

EXPLORERS = {
    "Relevancy": "pages/3_Relevancy.py",
    "Attention Explorer": "pages/2_Attention_Explorer.py",
    "Causal Graph": "pages/4_Causal_Graph.py",
    "Mechanisms": "pages/5_Mechanisms.py",
    "Chat": "pages/1_Chat.py",
}


def look_into(work: Workspace, answer: Answer, target: Target, picture: Picture | None) -> None:
    """Make an answer the one that is looked into, and part of the conversation, so that it can be asked about further.
    An answer that is in it already is not put there twice."""
    exchange = next((other for other in work.exchanges if other.answer is answer), None)
    if exchange is None:
        exchange = Exchange(answer.question, picture, said=answer.text, answer=answer)
        work.exchanges.append(exchange)
    if work.picture is not exchange.picture:
        work.show(exchange.picture)
    work.inspect(exchange)
    work.target = target
    work.pointed = exchange


def menu(work: Workspace, answer: Answer, target: Target, picture: Picture | None, key: str) -> None:
    """A menu of the explorers."""
    page = st.menu_button("Open in", list(EXPLORERS), icon=":material/open_in_new:", key=key, type="tertiary")
    if page is not None:
        look_into(work, answer, target, picture)
        st.switch_page(EXPLORERS[page])
