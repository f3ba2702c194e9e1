"""Published cases: the claims to choose from, and the chosen one in full, run on demand."""

from __future__ import annotations

import streamlit as st

from ...claims.registry import claims
from ...claims.report import committed_trouble, verdict_of
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.claims.panel import ICONS, claim_panel
from ..widgets.claims.view import ClaimsView, standing
from .view import CasesView


def claims_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Each claim by name with how it stands, and the chosen one."""
    view, known = workspace.view(ClaimsView), claims()
    if (trouble := committed_trouble()) is not None:
        st.text(trouble)
    icons = {key: ICONS[verdict_of(standing(view, model, claim).report)] for key, claim in known.items()}

    def chosen() -> None:
        view.chosen = st.session_state["case_claim"]

    st.session_state["case_claim"] = view.chosen if view.chosen in known else next(iter(known))
    key = st.segmented_control(
        "Case",
        list(known),
        format_func=lambda key: f"{icons[key]} {escaped(known[key].name)}",
        required=True,
        key="case_claim",
        on_change=chosen,
        label_visibility="collapsed",
        wrap=True,
    )
    claim_panel(workspace, model, known[key or next(iter(known))], workspace.view(CasesView).jobs)
