"""The front door: a model that is ready, a picture to start with, and one click to the first question."""

import streamlit as st

from core.ui.chat import conversation
from core.ui.home.page import first_question, pages, read_ahead
from core.ui.widgets import image_source
from core.ui.widgets.frame import frame

with frame("Sightline") as (workspace, model):
    st.markdown("See what a vision-language model's answer rests on, and test it: **no picture without evidence**.")
    image, talk = st.columns([3, 2], gap="large")
    with image:
        st.subheader("A picture to start with", anchor=False)
        image_source.image_trouble(workspace)
        if image_source.sample_gallery(workspace, "home"):
            st.rerun()
        pages()
    with talk:
        if question := first_question(workspace, model):
            conversation.ask(workspace, question)
            st.switch_page("pages/1_Chat.py")
    read_ahead()
