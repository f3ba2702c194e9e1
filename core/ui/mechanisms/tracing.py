"""Trace: a corrupted run, repaired state by state; which layers and tokens carry what the answer needs?"""

from __future__ import annotations

import streamlit as st

from ...answer import Answer, Target
from ...mechanisms.causal_tracing import GROUPS, SITES, CausalTracing
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.forecasts import foretold
from . import corrupting, restoring
from .effects import tracing_effects
from .restoring import EACH, Order, places_of
from .traced_patches import traced_patches_panel
from .view import TRACES, MechanismsView


def tracing_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """Controls, the map of groups by layers, and the patches at a layer."""
    view = workspace.view(MechanismsView)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        chosen = corrupting.choose(workspace, answer)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        order, rows = _what(model, chosen)
        run = st.button("Trace", type="primary", icon=":material/conversion_path:", disabled=order is None, key="trace")
    if order is None:
        return
    places = places_of(answer, target, rows)
    key = (order.key(answer, target), rows)
    result = view.results.get(TRACES, key)
    if result is None or result.trace.complete < 1:
        foretold(restoring.told_of(model, answer, order, places), CausalTracing.cheaper)
    if run:
        restoring.compute(view, model, answer, target, order, places, key)
    view.jobs.tell(key)
    if result is None:
        st.info(
            "Trace corrupts the run as chosen above, puts states of the clean run back one after the other, and shows "
            "what each gives back of the target's log-probability.",
            icon=":material/conversion_path:",
        )
        return
    with st.container(horizontal=True, gap="medium", key="mechanisms_trace_body"):
        tracing_effects(view, model, answer, target, result, order.named)
        traced_patches_panel(workspace, model, answer, target, order)


def _what(model: VisionLanguageModel, chosen: corrupting.Chosen | None) -> tuple[Order | None, str]:
    site = st.selectbox("Restore", list(SITES), key="mechanisms_site", persist_state="session", width=210)
    layers = model.card.layers
    window = int(
        st.number_input(
            "Layers at once",
            1,
            layers,
            1,
            key=f"mechanisms_trace_window_{layers}",
            persist_state="session",
            width=130,
            help="States are restored in so many layers around each. One layer of attention or MLP often does little "
            "alone.",
        )
    )
    rows = st.segmented_control(
        "At", (GROUPS, EACH), default=GROUPS, required=True, key="mechanisms_rows", persist_state="session", wrap=True
    )
    if chosen is None:
        return None, str(rows)
    layers_said = f" in {window} layers at once" if window > 1 else ""
    return Order(chosen, SITES[site], window, f"{site} restored{layers_said}; corrupted by {chosen.named}"), str(rows)
