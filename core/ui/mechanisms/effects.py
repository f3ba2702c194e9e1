"""A trace as a map of what was restored by layers, with the total effect and how far samples differ."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from ...answer import Answer, Target
from ...charts.effects import effect_map
from ...mechanisms.causal_tracing import CausalTracing, not_reached, over_samples, total_effect
from ...mechanisms.tracing import LOGPROB, MEASURES, PROBABILITY, Trace
from ...runs.kinds import TRACE
from ...vlm.model import VisionLanguageModel
from ..state.target import describe_target, measure_of
from ..widgets.by_keyboard import one_by_keyboard
from ..widgets.chips import escaped
from ..widgets.clicks import Entry, clickable
from ..widgets.folded import folded
from ..widgets.scripts import Made
from .saving import Row, save
from .view import MechanismsView, Traced

IN = "mechanisms_traced_in"
HOVERED = {LOGPROB: "effect (nats)", PROBABILITY: "effect on p"}
BESIDE = 190
"""Pixels beside the map for its names and its legend."""


def tracing_effects(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, target: Target, result: Traced, named: str
) -> None:
    """The map; a click on a layer chooses it for the patches."""
    traced = result.trace
    measure = _measure(view, target)
    effects, spread = over_samples(traced.effects(measure)[:, 0])

    def clicked(entry: Entry) -> None:
        view.pick_layer(int(entry["layer"]))

    names = [place.name for place in traced.places]
    several = traced.samples > 1
    chart = effect_map(
        names,
        effects.T,
        spread.T if several else None,
        what=HOVERED[measure],
        chosen=view.traced_layer,
        click="layer",
    )
    with st.container(width=int(chart.width) + BESIDE):
        if target.rivals is None:
            _choice(view, measure)
        clickable(chart, "layer", "mechanisms_trace", clicked, "effect of restoring each group at each layer")
        layers = list(range(effects.shape[0]))
        one_by_keyboard("Layer", layers, view.traced_layer, view.pick_layer, "trace_keys", "layer {}".format)
        if traced.complete < 1:
            st.caption(f":material/timelapse: {traced.complete:.0%} of it was done; dashed cells were not looked at.")
        folded(
            f"Each cell: what restoring it gives back of {escaped(_of(measure, answer, target, model))}"
            f"{', the mean over samples' if several else ''}.",
            f"{total_effect(traced)} {escaped(named[:1].upper() + named[1:])}. {result.seconds:.1f} s. "
            f"{CausalTracing.caveat}{not_reached(answer, traced)}",
        )
        settings: Row = {
            "method": "causal tracing",
            "target": describe_target(answer, target, model),
            "what": named,
            "window": traced.window,
            "logprob_clean": traced.clean.logprob,
            "logprob_corrupted": traced.corrupted_logprob.tolist(),
            "complete": traced.complete,
        }
        made = Made(TRACE, traced)
        save(answer, settings, partial(rows_of, traced), "trace", "mechanisms_save_trace", made=made)


def _measure(view: MechanismsView, target: Target) -> str:
    """What effects are told on; of a contrast the log-odds, for its probability alone says nothing of the rival."""
    return view.traced_in if view.traced_in in MEASURES and target.rivals is None else LOGPROB


def _choice(view: MechanismsView, measure: str) -> None:
    """The other may be chosen."""

    def chosen() -> None:
        view.traced_in = st.session_state[IN]

    st.session_state[IN] = measure
    st.segmented_control("Effects on the", tuple(MEASURES), required=True, key=IN, on_change=chosen, wrap=True)


def _of(measure: str, answer: Answer, target: Target, model: VisionLanguageModel) -> str:
    """What is given back, with its unit."""
    if measure == PROBABILITY:
        return f"the probability of {describe_target(answer, target, model)}, as in Meng et al. (2022)"
    return f"{measure_of(answer, target, model)}, in nats"


def rows_of(traced: Trace) -> list[Row]:
    """A line for each restoration of each sample that was done."""
    return [
        {
            "sample": sample + 1,
            "site": site.value,
            "layer": layer,
            "restored": place.name,
            "logprob": float(traced.logprob[sample, s, i, g]),
            "probability": float(traced.probability[sample, s, i, g]),
            "effect": float(traced.indirect[sample, s, i, g]),
            "effect on probability": float(traced.indirect_probability[sample, s, i, g]),
        }
        for sample in range(traced.samples)
        for s, site in enumerate(traced.sites)
        for i, layer in enumerate(traced.layers)
        for g, place in enumerate(traced.places)
        if np.isfinite(traced.logprob[sample, s, i, g])
    ]
