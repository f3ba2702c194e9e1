"""Patch all at once: every head, MLP and state by one gradient, and how far that agrees with restoring in earnest."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from ...answer import Answer, Target
from ...charts.agreed import agreed_chart
from ...charts.effects import effect_map
from ...charts.heads import head_map, layers_without
from ...charts.tokens import visible
from ...mechanisms.attribution_patching import STEPS_HELP, AttributionPatching, remark_of
from ...mechanisms.groups import groups
from ...mechanisms.patch_agreement import (
    MOST,
    Agreement,
    agreement_in_words,
    agreement_passes,
    patch_agreement,
)
from ...mechanisms.patch_effects import PatchEffects, of_positions, patch_effects, patch_passes
from ...runs.kinds import PATCH_AGREEMENT, PATCH_EFFECTS
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ...vlm.targets import token_targets_of
from ..jobs.page import Report
from ..state.results import answer_key
from ..state.target import describe_target, measure_of
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.forecasts import foreseen, foretold
from ..widgets.scripts import Made
from . import corrupting
from .saving import Row, save
from .view import AGREEMENTS, EFFECTS, MechanismsView

MAP, MAPS, COMPARED = 280, 620, 420
"""Pixels of the map of heads, and of what stands in both columns."""


def patching_panel(workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target) -> None:
    """Controls, the maps, and the comparison."""
    view = workspace.view(MechanismsView)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        chosen = corrupting.choose(workspace, answer)
        steps = int(
            st.number_input(
                "Steps on the way",
                0,
                50,
                0,
                key="mechanisms_patch_steps",
                persist_state="session",
                width=140,
                help=STEPS_HELP,
            )
        )
        run = st.button(
            "Patch all at once", type="primary", icon=":material/bolt:", disabled=chosen is None, key="patch_all"
        )
    if chosen is None:
        return
    key = ("patched", answer_key(answer), target, chosen.key, steps)
    effects = view.results.get(EFFECTS, key)

    def work(cancel: CancelToken, report: Report) -> None:
        made = patch_effects(model, answer, target, chosen.corruption, steps, cancel=cancel, progress=report)
        view.results.keep(EFFECTS, key, made)

    if effects is None:
        told = foreseen(lambda: forecast(model, answer, patch_passes(model, answer, chosen.corruption, steps)))
        foretold(told, AttributionPatching.cheaper)
        if run:
            view.jobs.start(model, key, "patching all at once", "patching", work, told)
    view.jobs.tell(key)
    if effects is None:
        st.info(
            "Estimates what putting each head, MLP and state of the clean run back into the corrupted one would give "
            "of the target, all by one gradient. A trace does so in earnest, one by one.",
            icon=":material/bolt:",
        )
        return
    with st.container(horizontal=True, gap="medium", key="mechanisms_patched"):
        _maps(model, answer, target, effects, chosen.named)
        _compared(view, model, answer, effects, key)


def _maps(model: VisionLanguageModel, answer: Answer, target: Target, effects: PatchEffects, named: str) -> None:
    with st.container(width=MAPS):
        st.markdown("**Heads**")
        without = layers_without(effects.heads)
        chart = head_map(effects.heads, name="estimated effect (nats)", signed=True, without=without, size=MAP)
        st.altair_chart(chart, width="content", key="mechanisms_patched_heads", alt="estimated effect of every head")
        st.markdown("**States of groups as they enter a layer, and MLPs**")
        places = [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]
        rows = [of_positions(effects, place.positions) for place in places]
        names = [*(place.name for place in places), "MLP"]
        table = np.stack([*rows, np.append(effects.mlps, np.nan)])
        st.altair_chart(
            effect_map(names, table, what="estimated effect (nats)", at="put back"),
            width="content",
            key="mechanisms_patched_states",
            alt="estimated effect of the states of each group of tokens and of MLPs at each layer",
        )
        folded(
            f"Estimated: what putting each back gives of {escaped(measure_of(answer, target, model))}, in nats.",
            f"{remark_of(effects)} {escaped(named[:1].upper() + named[1:])}. {AttributionPatching.caveat}",
        )
        settings: Row = {
            "method": "attribution patching",
            "target": describe_target(answer, target, model),
            "what": named,
            "steps": effects.steps,
            "logprob_clean": effects.clean_logprob,
            "logprob_corrupted": effects.corrupted_logprob.tolist(),
        }
        made = Made(PATCH_EFFECTS, effects)
        save(answer, settings, partial(_rows, answer, effects), "patched", "mechanisms_save_patched", made=made)


def _compared(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, effects: PatchEffects, key: tuple[object, ...]
) -> None:
    """A button that restores the largest in earnest, and what came of it."""
    about = ("agreement", key)
    agreement = view.results.get(AGREEMENTS, about)

    def work(cancel: CancelToken, report: Report) -> None:
        made = patch_agreement(model, answer, effects, cancel=cancel, progress=report)
        view.results.keep(AGREEMENTS, about, made)

    with st.container(width=COMPARED):
        st.markdown("**Beside restoring in earnest**")
        if agreement is None:
            clicked = st.button("Compare with the trace", icon=":material/compare:", key="patch_compare")
            told = foreseen(
                lambda: forecast(model, answer, agreement_passes(model, answer, effects.corruption, 5, MOST))
            )
            foretold(told)
            if clicked:
                view.jobs.start(model, about, "restoring the largest", "comparing", work, told)
            view.jobs.tell(about)
            st.caption(f"Restores the {MOST} heads, MLPs and groups' states with the largest estimates, one by one.")
            return
        _agreement(answer, agreement)


def _agreement(answer: Answer, agreement: Agreement) -> None:
    rows = agreement.rows()
    st.altair_chart(
        agreed_chart(
            [str(row["part"]) for row in rows],
            [str(row["kind"]) for row in rows],
            agreement.estimated,
            agreement.restored,
        ),
        width="content",
        key="mechanisms_agreed",
        alt="estimated effects beside what restoring gave",
    )
    st.caption(escaped(agreement_in_words(agreement)))
    made = Made(PATCH_AGREEMENT, agreement)
    save(
        answer, {"method": "attribution patching"}, lambda: rows, "patch-agreement", "mechanisms_save_agreed", made=made
    )


def _rows(answer: Answer, effects: PatchEffects) -> list[Row]:
    """A line for each head, MLP and state."""
    heads: list[Row] = [
        {"kind": "head", "layer": layer, "head": head, "effect": float(value)}
        for (layer, head), value in np.ndenumerate(effects.heads)
        if np.isfinite(value)
    ]
    mlps: list[Row] = [
        {"kind": "mlp", "layer": layer, "effect": float(value)}
        for layer, value in enumerate(effects.mlps)
        if np.isfinite(value)
    ]
    states: list[Row] = [
        {
            "kind": "state",
            "layer": layer,
            "position": position,
            "token": visible(answer.labels[position]),
            "effect": float(value),
        }
        for (layer, position), value in np.ndenumerate(effects.residual)
        if position < len(answer.labels)
    ]
    return [*heads, *mlps, *states]
