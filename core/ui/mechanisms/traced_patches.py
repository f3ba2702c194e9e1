"""A trace of single patches at one layer, on the picture."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from ...answer import Answer, Target
from ...charts.export import Legend, png_map
from ...charts.heatmap import heatmap, scale_of
from ...counted import counted
from ...maps.difference import image_positions_of
from ...masking import as_seen
from ...mechanisms.causal_tracing import over_samples
from ...mechanisms.groups import Group, patch_groups
from ...runs.kinds import TRACE
from ...vlm.model import VisionLanguageModel
from ..state.target import describe_target, measure_of
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.forecasts import foretold
from ..widgets.map_downloads import asked_notes, drawn_over
from ..widgets.scripts import Made
from ..widgets.seen import seen_button
from .effects import rows_of
from .restoring import Order, compute, told_of
from .saving import save
from .view import TRACES, MechanismsView, Traced

SIZE = 360
MOST_PATCHES = 150
"""Squares of a view; finer grids are traced in squares of several patches."""


def traced_patches_panel(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target, order: Order
) -> None:
    """A button for the chosen layer, and the map of its patches."""
    view = workspace.view(MechanismsView)
    with st.container(width=SIZE + 75):
        if not answer.layout.views:
            st.caption("No image token of this answer has a place in a picture, so there are no patches to trace.")
            return
        layer = view.traced_layer
        if layer is None or layer >= model.card.layers:
            st.info(
                "Click a layer of the map: its patches can then be restored one by one.", icon=":material/ads_click:"
            )
            return
        side, squares = _squares(answer, workspace.shown_image)
        key = ("patches", order.key(answer, target), layer, side, workspace.shown_image)
        result = view.results.get(TRACES, key)
        if result is None or result.trace.complete < 1:
            label = f"Restore {counted(len(squares), 'patch', 'patches')} at layer {layer}"
            if st.button(label, icon=":material/grid_on:", key="trace_patches"):
                compute(view, model, answer, target, order, squares, key, [layer])
            foretold(told_of(model, answer, order, squares, [layer]))
            view.jobs.tell(key)
        if result is not None:
            _map(workspace, model, answer, target, result, order, layer)


def _squares(answer: Answer, image: int) -> tuple[int, list[Group]]:
    """A picture's views cut into squares, and their side in patches."""
    side = 1
    while any(-(-view.rows // side) * -(-view.columns // side) > MOST_PATCHES for view in answer.layout.views):
        side += 1
    return side, [
        group
        for number, view in enumerate(answer.layout.views)
        if image in view.images
        for group in patch_groups(answer, number, side)[0]
    ]


def _map(
    workspace: Workspace,
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    result: Traced,
    order: Order,
    layer: int,
) -> None:
    traced = result.trace
    effects, spread = over_samples(traced.indirect[:, 0, 0])
    values = np.full(len(answer.layout), np.nan)
    for place, effect in zip(traced.places, effects, strict=True):
        values[list(place.positions)] = effect
    scale = scale_of(values[image_positions_of(answer.layout)], signed=True)
    images, named = as_seen(answer.question), describe_target(answer, target, model)
    chart = heatmap(
        images,
        answer.layout,
        values,
        size=SIZE,
        scale=scale,
        only=(workspace.shown_image,),
        label="effect (nats)",
        format="+.4f",
    )
    st.altair_chart(
        chart, width="content", key="mechanisms_traced_picture", alt=f"effect of restoring each patch at layer {layer}"
    )
    several = traced.samples > 1
    varies = f" Over samples an effect varies by ± {np.nanmean(spread):.4f} on average." if several else ""
    done = f" {traced.complete:.0%} of it was done; crossed patches were not looked at." if traced.complete < 1 else ""
    measure = measure_of(answer, target, model)
    caption = f"What restoring each patch at layer {layer} gives back of {measure}, in nats; {order.named}."
    st.caption(f"{escaped(caption)}{varies}{done} {result.seconds:.1f} s.")
    seen_button(answer, workspace.shown_image, "traced")
    over = drawn_over(answer, workspace.shown_image)
    under = Legend(
        over.titled(f"Causal tracing at layer {layer}: {named}"),
        (*asked_notes(answer), order.named),
        "{}",
    )
    save(
        answer,
        {"method": "causal tracing", "target": named, "what": order.named, "layer": layer},
        partial(rows_of, traced),
        f"trace-layer{layer}",
        "mechanisms_save_patches",
        partial(png_map, images, answer.layout, values, scale, 0.6, under, over.only),
        Made(TRACE, traced),
    )
