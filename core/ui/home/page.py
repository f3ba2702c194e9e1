"""The front door: a model that is ready, a picture to start with, a first question, and which page answers what."""

from __future__ import annotations

import threading
from functools import cache

import streamlit as st

from ...charts.overlays import fit
from ...street.recipe import SceneRecipe
from ...vlm.model import VisionLanguageModel
from ..start import import_one
from ..state.place import choose_on
from ..state.scenes import GALLERY, contents, image_of, suggestions
from ..state.workspace import Workspace
from ..widgets.image_source import image_trouble, sample_gallery, screen_copy, upload
from ..widgets.model_bar import compact
from ..widgets.model_chooser import chooser
from ..widgets.unfamiliar import unfamiliar_note

SHOWN = 336
"""Longer side, in pixels, of the picture on screen."""
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
    (
        "pages/3_Relevancy.py",
        "Relevancy",
        ":material/blur_on:",
        "What did a word rest on, by which method: which patches, which words of the question, in which layer; how far "
        "do methods agree, and what does another wording or a hidden region change?",
    ),
    (
        "pages/4_Causal_Graph.py",
        "Causal Graph",
        ":material/hub:",
        "Which tokens explain a word on the graph learned from a head's attention, how are they related, and does the "
        "word change when they are masked?",
    ),
    (
        "pages/5_Mechanisms.py",
        "Mechanisms",
        ":material/account_tree:",
        "Which heads write a word, and from where? What would image tokens and words say at each layer? What changes "
        "when attention is cut, heads are taken away, or a corrupted run is repaired state by state?",
    ),
    (
        "pages/6_Case_Studies.py",
        "Case Studies",
        ":material/fact_check:",
        "Does this model bear out what papers report, on many pictures and beside a control? Do wordings of a question "
        "contradict each other, how does the model do on a benchmark from a folder, and which method makes true maps?",
    ),
    (
        "pages/7_History.py",
        "History",
        ":material/history:",
        "What was asked before, and what came of it? Runs are found again, compared, handed over and deleted here.",
    ),
    (
        "pages/8_Side_by_Side.py",
        "Side by Side",
        ":material/view_column:",
        "What differs between answers that you pinned: about other pictures, in other words, with a region hidden, by "
        "another model?",
    ),
)
"""Page, name, icon, and what it answers."""
STORY = ("Case Studies", "The truck's door")
"""A page, and a section of it that is one click away: what a planted habit is and how each page shows it."""


def home_page(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title. One click asks the first question and goes on to Chat."""
    st.markdown("See what a vision-language model's answer rests on, and test it: **no picture without evidence**.")
    # On a narrow screen, where columns stand below each other, the first question comes before the other pictures.
    talk, image = st.columns([2, 3], gap="large")
    with image:
        st.subheader("Or another picture", anchor=False)
        image_trouble(workspace)
        if sample_gallery(workspace, "home"):
            st.rerun()
        upload(workspace, model, "home")
    with talk:
        if question := _first_question(workspace, model):
            workspace.ask(question)
            st.switch_page("pages/1_Chat.py")
    pages, models = st.columns([3, 2], gap="large")
    with pages:
        _pages(workspace)
    with models:
        st.subheader("Or another model", anchor=False)
        chooser(workspace, "home")
    _read_ahead()


def _first_question(workspace: Workspace, model: VisionLanguageModel) -> str | None:
    """The chosen picture with questions that fit it. Returns the one that was clicked."""
    st.subheader("Ask a first question", anchor=False)
    if workspace.image is None:
        workspace.choose_image(image_of(SceneRecipe(GALLERY[0])))
    image = workspace.image
    assert image is not None
    unfamiliar_note(workspace, workspace.images, "home")
    scene = image.recipe.scene() if image.recipe else None
    st.image(
        screen_copy(image, SHOWN),
        width=fit(image.image.size, SHOWN)[0],
        alt=contents(scene) if scene else "the picture to ask about",
    )
    st.text(image.name + (f": {contents(scene)}" if scene else ""))
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


def _pages(workspace: Workspace) -> None:
    """Each page and the question it answers."""
    st.subheader("What each page answers", anchor=False)
    for page, name, icon, answers in PAGES:
        with st.container(border=True):
            st.page_link(page, label=name, icon=icon)
            st.caption(answers)
            if name == STORY[0] and st.button(
                STORY[1], icon=":material/auto_stories:", type="tertiary", key="home_story"
            ):
                choose_on(workspace, "CasesView", {"section": STORY[1]})
                st.switch_page(page)


@cache
def _read_ahead() -> None:
    """Import the chart library, which only the other pages use, while somebody reads this one: once for each server. In
    a thread of its own, and no job: it needs no model, and whoever leaves the page still wants it."""
    threading.Thread(
        target=import_one, args=("...charts.tokens", __package__), name="reading ahead", daemon=True
    ).start()
