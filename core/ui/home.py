"""What Home says: the model is ready, a first question, and which page answers what."""

from __future__ import annotations

import streamlit as st

from core.ui.model_bar import compact
from core.ui.recipe import SceneRecipe
from core.ui.scenes import GALLERY, contents, picture_of, suggestions
from core.ui.state import Workspace
from core.vlm.model import VisionLanguageModel

PAGES = (
    (
        "pages/1_Chat.py",
        "Chat",
        ":material/chat:",
        "What does the model say, how sure is it of each token, does the answer change when a region is hidden, and "
        "does it say the same when it is asked in other words?",
    ),
    (
        "pages/2_Attention_Explorer.py",
        "Attention Explorer",
        ":material/grid_view:",
        "Where does each head look while a word is chosen: at which patches and words? Which words look at a patch you "
        "click, and which positions only soak attention up?",
    ),
)
"""Page, name, icon, and what it answers."""


def first_question(work: Workspace, model: VisionLanguageModel) -> str | None:
    """The chosen picture with questions that fit it. Returns the one that was clicked."""
    st.subheader("Ask a first question", anchor=False)
    if work.picture is None:
        work.show(picture_of(SceneRecipe(GALLERY[0])))
    picture = work.picture
    assert picture is not None
    scene = picture.recipe.scene() if picture.recipe else None
    st.image(picture.image, width=336, alt=contents(scene) if scene else "the picture to ask about")
    st.text(picture.name + (f": {contents(scene)}" if scene else ""))
    st.caption(
        f":material/check_circle: The model is ready: {compact(model.card.parameters)} parameters, "
        f"{model.card.layers} layers × {model.card.heads} heads, on {model.card.device}. Click a question to ask it."
    )
    questions = suggestions(scene) if scene else ["What is in the picture?", "Describe the picture."]
    clicked = None
    for number, question in enumerate(questions):
        if st.button(question, key=f"first_{number}", type="primary" if number == 0 else "secondary", width="stretch"):
            clicked = question
    return clicked


def pages() -> None:
    """Each page and the question it answers."""
    st.subheader("What each page answers", anchor=False)
    for page, name, icon, answers in PAGES:
        with st.container(border=True):
            st.page_link(page, label=name, icon=icon)
            st.caption(answers)
