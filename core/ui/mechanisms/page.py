"""The page below its answer bar: one lens at a time, so that nothing is computed that is not shown.

Every mechanism of core/mechanisms is a lens. Some have a panel of their own here, with more to click than figures; the
others have the one that is made from what a mechanism says of itself.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ...answer import Answer, Target
from ...mechanisms.registry import mechanisms
from ...plugins import description
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.exploring import explore
from .ablating import ablation_panel
from .circuits import circuits_panel
from .cutting import cutting_panel
from .findings import findings_panel
from .heads import writing_heads_panel
from .panel import mechanism_panel
from .patching import patching_panel
from .positions import positions_panel
from .tracing import tracing_panel
from .view import MechanismsView

Panel = Callable[[Workspace, VisionLanguageModel, Answer, Target], None]
PANELS: dict[str, Panel] = {
    "head_contributions": writing_heads_panel,
    "logit_lens": positions_panel,
    "attention_knockout": cutting_panel,
    "head_ablation": ablation_panel,
    "attribution_patching": patching_panel,
    "causal_tracing": tracing_panel,
}
"""Mechanisms with a panel of their own, by their keys."""
CIRCUITS, FINDINGS = "circuits", "findings"
"""The keys of the lenses that are no mechanisms: of edges between parts, and of what is about the model."""


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
    view.lens = _lens(view.lens)
    if view.lens == FINDINGS:
        findings_panel(workspace, model)
    elif workspace.target is not None and view.lens == CIRCUITS:
        circuits_panel(workspace, model, answer, workspace.target)
    elif workspace.target is not None:
        _looked_through(workspace, model, answer, workspace.target, view.lens)


def _lens(former: str) -> str:
    """The choice of lens, and what they are."""
    names = {
        **{key: escaped(one.name) for key, one in mechanisms().items()},
        CIRCUITS: "Circuits",
        FINDINGS: "Findings",
    }
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Mechanisms",
            list(names),
            default=former if former in names else next(iter(names)),
            format_func=names.__getitem__,
            required=True,
            key="mechanisms_lens",
            persist_state="session",
            wrap=True,
        )
        with st.popover("What they are", icon=":material/menu_book:"):
            # In one element: whatever stands here is drawn again at every click.
            told = (f"**{escaped(one.name)}**  \n{escaped(description(one))}" for one in mechanisms().values())
            st.markdown("\n\n".join(told))
    return str(chosen)


def _looked_through(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target, lens: str
) -> None:
    """The panel of a mechanism; why there is none, where the mechanism says so."""
    mechanism = mechanisms()[lens]
    obstacle = mechanism.obstacle(model, answer)
    if obstacle is not None:
        st.info(escaped(obstacle), icon=":material/block:")
    elif lens in PANELS:
        PANELS[lens](workspace, model, answer, target)
    else:
        mechanism_panel(workspace, model, answer, target, mechanism)
