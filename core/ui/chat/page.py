"""The page: the picture, the conversation about it, and below them one way at a time to look into an answer."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from ...clips import Clip
from ...vlm.model import VisionLanguageModel
from ..state.adapters import tuned_spec
from ..state.workspace import Workspace
from ..widgets.asked import in_words
from ..widgets.asking import wait_for_parting
from ..widgets.image_source import image_chooser
from ..widgets.seen import seen_notes
from .adapter import adapter_panel
from .conversation import conversation_panel
from .doubt import doubt_panel
from .mask import mask_editor
from .phrasings import phrasings_panel
from .remedies import remedies_panel
from .tokens import answer_tokens_panel
from .view import ChatView, Lens

ADAPTER: Lens = "Its adapter"


def chat_page(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title."""
    page, below = st.container(), st.container()
    with below:
        workspace.view(ChatView).jobs.finish()
    with page:
        _page(workspace, model)


def _page(workspace: Workspace, model: VisionLanguageModel) -> None:
    wait_for_parting(workspace)
    image, talk = st.columns([2, 3], gap="large")
    with image:
        image_chooser(workspace, model)
    with talk:
        conversation_panel(workspace, model)

    st.space("small")
    _look_into(workspace, model)


def _look_into(workspace: Workspace, model: VisionLanguageModel) -> None:
    view = workspace.view(ChatView)
    lenses = [lens for lens in get_args(Lens) if lens != ADAPTER or tuned_spec(workspace) is not None]
    view.lens = st.segmented_control(
        "Look into the answer",
        lenses,
        default=view.lens if view.lens in lenses else lenses[0],
        required=True,
        key="lens",
        persist_state="session",
        wrap=True,
    )
    exchange, answer = workspace.inspected, workspace.answer
    if view.lens == "Compare phrasings":
        phrasings_panel(workspace, model)
    elif exchange is None or answer is None:
        st.info("Ask a question first: its answer is examined here.", icon=":material/chat:")
    else:
        st.text(f"“{in_words(answer.question)[:200]}” → “{answer.text[:400]}”")
        for visual in answer.question.visuals:
            seen_notes(answer, visual.first if isinstance(visual, Clip) else visual)
        if view.lens == "Answer tokens":
            answer_tokens_panel(workspace, model, exchange, answer)
        elif view.lens == "Try remedies":
            remedies_panel(workspace, model, exchange, answer)
        elif view.lens == "Doubt":
            doubt_panel(workspace, model, exchange, answer)
        elif view.lens == ADAPTER:
            adapter_panel(workspace, model, answer)
        else:
            mask_editor(workspace, model, exchange, answer)
