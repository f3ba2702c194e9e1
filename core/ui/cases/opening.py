"""Open a question in an explorer whose answer is not kept, or not with all that explorers need: it is asked again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

import streamlit as st

from ...answer import Question, Target
from ...comparison.keyword import key_tokens
from ...errors import NotApplicable
from ...vlm.cancel import CancelToken
from ...vlm.generation import ask
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.workspace import NamedImage, Workspace
from ..widgets.opening import EXPLORERS, chosen_explorer, look_into
from .view import ANSWERS, CasesView


def menu_asking(
    workspace: Workspace,
    model: VisionLanguageModel,
    key: Hashable,
    name: str,
    question: Callable[[], Question],
    image: NamedImage | None,
) -> None:
    """A menu of the explorers; the one that is chosen opens when the question was asked once more.

    `key` is what the question is, beside the model; without an `image` its own last one is shown.
    """
    view = workspace.view(CasesView)
    key = ("open", model.card.fingerprint, key)
    page = chosen_explorer(name)
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
