"""The page below its answer bar: one lens at a time, so that nothing is computed that is not shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import streamlit as st

from ...answer import Answer, Target
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import whole_answer
from ..state.workspace import Workspace
from ..widgets.exploring import explore
from ..widgets.target import aim
from .ablating import ablation_panel
from .cutting import cutting_panel
from .findings import findings_panel
from .heads import writing_heads_panel
from .positions import positions_panel
from .tracing import tracing_panel
from .view import Lens, MechanismsView

Panel = Callable[[Workspace, VisionLanguageModel, Answer, Target], None]
LENSES: dict[Lens, Panel] = {
    "Heads that write the word": writing_heads_panel,
    "What positions say": positions_panel,
    "Cut and see": cutting_panel,
    "Take heads away": ablation_panel,
    "Trace": tracing_panel,
}


def mechanisms_page(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Everything below the title: the answer bar, and what stands below it."""
    explore(workspace, model, workspace.view(MechanismsView).jobs, _below)


def _below(workspace: Workspace, model: VisionLanguageModel, answer: Answer | None) -> None:
    """The chosen lens about `workspace.target` of an answer; `answer` is None where the answer bar has found none that
    this model can explain: then there are the findings, which are about the model."""
    view = workspace.view(MechanismsView)
    if answer is None:
        st.subheader("Findings about this model", anchor=False)
        findings_panel(workspace, model)
        return
    view.lens = st.segmented_control(
        "Mechanisms", get_args(Lens), default=view.lens, required=True, key="mechanisms_lens", persist_state="session"
    )
    if view.lens == "Findings":
        findings_panel(workspace, model)
    elif workspace.target is None:
        st.info(
            "Click a token of the answer above: this lens is about what makes the model say it.",
            icon=":material/ads_click:",
        )
        st.button("Take the whole answer", on_click=aim, args=(workspace, whole_answer(answer)), key="mechanisms_whole")
    else:
        LENSES[view.lens](workspace, model, answer, workspace.target)
