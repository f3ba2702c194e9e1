"""How maps and their pictures stand together, chosen once for every page."""

from __future__ import annotations

import streamlit as st

from ...charts.heatmap import Drawing
from ..state.workspace import Workspace

NAMES: dict[Drawing, str] = {"over": "over the picture", "lines": "lines", "beside": "beside it"}


def drawing_choice(workspace: Workspace) -> None:
    """To be called once by a page, among the controls of its maps."""
    options: list[Drawing] = list(NAMES)
    workspace.drawing = st.segmented_control(
        "Map",
        options,
        default=workspace.drawing,
        required=True,
        format_func=NAMES.__getitem__,
        key="drawing",
        persist_state="session",
        help="Colours over a picture hide its own. Lines leave it as it is: thick ones enclose the patches with at "
        "least half of what the scale ends at, thin ones those with a quarter. Or see the picture beside its map.",
        wrap=True,
    )
