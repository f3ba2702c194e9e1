"""Ask about a picture, hide a part of it and ask again, or ask the same in other words."""

from typing import get_args

import streamlit as st

from core.ui.chat import conversation, image_source, mask, phrasings, tokens
from core.ui.frame import frame
from core.ui.state import Lens

with frame("Chat") as (workspace, model):
    picture, talk = st.columns([2, 3], gap="large")
    with picture:
        image_source.show(work)
    with talk:
        conversation.show(work, model)

    st.space("small")
    work.lens = st.segmented_control(
        "Look into the answer", get_args(Lens), default=work.lens, required=True, key="lens", persist_state="session"
    )
    exchange, answer = work.inspected, work.answer
    if work.lens == "Compare phrasings":
        phrasings.show(work, model)
    elif exchange is None or answer is None:
        st.info("Ask a question first: its answer is then taken apart here.", icon=":material/chat:")
    else:
        st.text(f"“{answer.question.text[:200]}” → “{answer.text[:400]}”")
        if work.lens == "Answer tokens":
            tokens.show(work, model, exchange, answer)
        else:
            mask.show(work, model, exchange, answer)
