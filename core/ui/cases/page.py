"""The page: one section at a time, and long work where it can be stopped."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.part import part
from .audit import audit_section
from .claims import claims_section
from .doubt import doubt_section
from .folder import folder_section
from .knowing import knowing_section
from .league import league_section
from .remedies import remedies_section
from .story import story_section
from .two_models import two_models_section
from .view import CasesView, Section


def case_studies_page(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title. It needs no answer to look into."""
    page, below = st.container(), st.container()
    with below:
        workspace.view(CasesView).jobs.finish()
    with page:
        _section(workspace, model)


@part
def _section(workspace: Workspace, model: VisionLanguageModel) -> None:
    view = workspace.view(CasesView)

    def chosen() -> None:
        view.section = st.session_state["cases_section"]

    st.session_state["cases_section"] = view.section
    st.segmented_control(
        "Section",
        get_args(Section),
        required=True,
        key="cases_section",
        on_change=chosen,
        label_visibility="collapsed",
        wrap=True,
    )
    section = {
        "Cases": claims_section,
        "The truck's door": story_section,
        "Knowing and saying": knowing_section,
        "Phrasing audit": audit_section,
        "Benchmarks from a folder": folder_section,
        "Remedies": remedies_section,
        "Two models": two_models_section,
        "Doubt": doubt_section,
        "League of methods": league_section,
    }[view.section]
    section(workspace, model)
