"""Open an answer in an explorer: it becomes the one that all pages are about, and the page is switched."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

import streamlit as st

from ...answer import Answer, Question, Target
from ...comparison.keyword import key_tokens
from ...errors import NotApplicable
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.workspace import Exchange, NamedImage, Workspace
from .view import ANSWERS, CasesView

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
        exchange = Exchange(answer.question, image, said=answer.text, answer=answer)
        workspace.exchanges.append(exchange)
    if workspace.image is not exchange.image:
        workspace.choose_image(exchange.image)
    workspace.inspect(exchange)
    workspace.target = target
    workspace.pointed = exchange


def menu(workspace: Workspace, answer: Answer, target: Target, image: NamedImage | None, key: str) -> None:
    """A menu of the explorers, for an answer that is there with all that was recorded of it."""
    page = _choice(key)
    if page is not None:
        look_into(workspace, answer, target, image)
        st.switch_page(EXPLORERS[page])


def menu_asking(
    workspace: Workspace,
    model: VisionLanguageModel,
    key: Hashable,
    name: str,
    question: Callable[[], Question],
    image: NamedImage | None,
) -> None:
    """The same for a question whose answer is not kept, or not with all that explorers need: it is asked once more.

    `key` is what the question is, beside the model; without a `picture` its own last one is shown.
    """
    view = workspace.view(CasesView)
    key = ("open", model.card.fingerprint, key)
    page = _choice(name)
    if page is not None:
        view.opening = (key, page)
        view.jobs.forget(key)
    if view.opening is None or view.opening[0] != key:
        return
    if view.jobs.tell(key):
        return
    answer = view.results.get(ANSWERS, key)
    if answer is None:
        view.jobs.start(model, key, "asking once more", "open", partial(_again, view, model, key, question))
    page, view.opening = view.opening[1], None
    if image is None and answer.question.images:
        image = NamedImage(answer.question.images[-1], "the case's picture")
    look_into(workspace, answer, Target(key_tokens(answer)), image)
    st.switch_page(EXPLORERS[page])


def _choice(key: str) -> str | None:
    page = st.menu_button("Open in", list(EXPLORERS), icon=":material/open_in_new:", key=key, type="tertiary")
    return None if page is None else str(page)


def _again(
    view: CasesView,
    model: VisionLanguageModel,
    key: Hashable,
    question: Callable[[], Question],
    cancel: CancelToken,
    report: Report,
) -> None:
    answer = ask(model, question(), cancel=cancel)
    cancel.check()
    if not answer.tokens:
        raise NotApplicable("The model says nothing to this, so there is nothing to look into.")
    view.results.keep(ANSWERS, key, answer)
