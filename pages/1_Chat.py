"""Ask about a picture, hide a part of it and ask again, or ask the same in other words."""

from typing import get_args

import streamlit as st

from core.ui.chat.conversation import conversation_panel
from core.ui.chat.mask import mask_editor
from core.ui.chat.phrasings import phrasings_panel
from core.ui.chat.tokens import answer_tokens_panel
from core.ui.state.workspace import Lens
from core.ui.widgets.frame import frame
from core.ui.widgets.image_source import image_chooser

with frame("Chat") as (workspace, model):
    image, talk = st.columns([2, 3], gap="large")
    with image:
        image_chooser(workspace)
    with talk:
        conversation_panel(workspace, model)

    st.space("small")
    workspace.lens = st.segmented_control(
        "Look into the answer",
        get_args(Lens),
        default=workspace.lens,
        required=True,
        key="lens",
        persist_state="session",
    )
    exchange, answer = workspace.inspected, workspace.answer
    if workspace.lens == "Compare phrasings":
        phrasings_panel(workspace, model)
    elif exchange is None or answer is None:
        st.info("Ask a question first: its answer is then taken apart here.", icon=":material/chat:")
    else:
        st.text(f"“{answer.question.text[:200]}” → “{answer.text[:400]}”")
        if workspace.lens == "Answer tokens":
            answer_tokens_panel(workspace, model, exchange, answer)
        else:
            mask_editor(workspace, model, exchange, answer)
