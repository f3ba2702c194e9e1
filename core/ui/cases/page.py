"""The page: one section at a time, and long work where it can be stopped."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from ...vlm.model import VisionLanguageModel
from ..frame import safety_net
from ..state import Workspace
from . import audit, folder, league, studies, two_models
from .view import Section


def show(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title. It needs no answer to look into."""
    page, below = st.container(), st.container()
    with below:
        workspace.cases.deferred.run()
    with page:
        _section(workspace, model)


@st.fragment
def _section(workspace: Workspace, model: VisionLanguageModel) -> None:
    view = workspace.cases

    def chosen() -> None:
        view.section = st.session_state["cases_section"]

    with safety_net():
        st.session_state["cases_section"] = view.section
        st.segmented_control(
            "Section",
            get_args(Section),
            required=True,
            key="cases_section",
            on_change=chosen,
            label_visibility="collapsed",
        )
        show = {
            "Cases": studies.show,
            "Phrasing audit": audit.show,
            "Benchmarks from a folder": folder.show,
            "Two models": two_models.show,
            "League of methods": league.show,
        }[view.section]
        show(workspace, model)
