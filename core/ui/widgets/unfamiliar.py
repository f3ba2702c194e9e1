"""A word beside what the embedded model says of a picture of a kind that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...vlm.loading import EMBEDDED_MODELS
from ..state.workspace import NamedImage, Workspace
from .model_chooser import chooser

SAID = (
    "The embedded model knows drawn street scenes only. What it says of any other picture means nothing, however "
    "probable it finds its words."
)


def unfamiliar_note(workspace: Workspace, images: Sequence[NamedImage], place: str) -> None:
    """Where an embedded model is asked about pictures that were not drawn here: that its answers mean nothing, and a
    way to another model. `place` tells the widgets of one page apart."""
    drawn = workspace.spec.source in {spec.source for spec in EMBEDDED_MODELS.values()}
    if not drawn or all(image.recipe is not None for image in images):
        return
    st.warning(SAID, icon=":material/warning:")
    with st.popover("Choose a model for this picture", icon=":material/swap_horiz:"):
        chooser(workspace, f"unfamiliar_{place}")
