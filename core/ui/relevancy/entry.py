"""Layer by layer: where relevancy enters, and on which patches."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Target
from ...charts.heatmap import heatmap, scale_of
from ...charts.shares import layers_chart
from ...explainers.relevancy import relevancy_by_layer
from ...maps.difference import image_positions_of
from ...maps.shares import COMPARED, parts, shares_by_layer
from ...runs.kinds import RELEVANCY_TRACE
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from ...vlm.targets import token_targets_of
from ..jobs.page import Report
from ..state.results import answer_key
from ..widgets.by_keyboard import one_by_keyboard
from ..widgets.clicks import Entry, clickable
from ..widgets.folded import folded
from ..widgets.scripts import Made, copy_script
from ..widgets.seen import seen_button
from ..widgets.taken_charts import save_chart
from .maps import Look
from .view import TRACES, RelevancyView

SIZE = 260


def layers_panel(view: RelevancyView, model: VisionLanguageModel, answer: Answer, target: Target, look: Look) -> None:
    """Each part's relevancy by the layer it enters in; the layer that is clicked as a map."""
    trace = _trace(view, model, answer, target)
    if trace is None:
        return
    places = parts(answer.layout, target)
    sums = {part: values for part, values in shares_by_layer(trace, places).items() if part in COMPARED}
    layer = view.layer
    if layer is None or not 0 <= layer < len(trace):
        layer = int(np.argmax(sum(np.abs(values) for values in sums.values())))

    def clicked(entry: Entry) -> None:
        view.choose(int(entry["layer"]))

    chart = layers_chart(sums, layer)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width="content", gap="xsmall"):
            said = "relevancy of image, question and earlier answer by the layer it enters in; click one"
            clickable(chart, "layer", f"relevancy_layers_{len(trace)}", clicked, said)
            layers = range(len(trace))
            one_by_keyboard("Layer", layers, view.layer, view.choose, "relevancy_layers_keys", "layer {}".format)
        if answer.layout.views:
            with st.container(width=SIZE + 70):
                st.caption(f"Layer {layer}: what enters there, on its own scale")
                values = trace[layer]
                scale = scale_of(values[image_positions_of(answer.layout)])
                st.altair_chart(
                    heatmap(
                        answer.question.images,
                        answer.layout,
                        values,
                        size=SIZE,
                        scale=scale,
                        opacity=look.opacity,
                        only=(look.image,),
                    ),
                    width="content",
                    alt=f"relevancy that enters in layer {layer}",
                )
                seen_button(answer, look.image, "layers")
    folded(
        "What each layer adds to the relevancy of image, question and earlier answer. Click a layer to see its "
        "patches.",
        "This is always the method Relevancy, whichever methods are chosen above: it goes from the last layer down, "
        "and each layer adds what its attention fetched, weighted by gradient. Layer 0 is the decoder's lowest. What "
        "enters in high layers was fetched by the answer's own position; low layers mostly mix question and image.",
    )
    rows = [
        {"layer": number, **{str(name): float(values[number]) for name, values in sums.items()}}
        for number in range(len(trace))
    ]
    with st.container(horizontal=True, gap="small"):
        save_chart(chart, "relevancy-by-layer", "save_entry", rows)
        copy_script(answer, Made(RELEVANCY_TRACE, trace, {"target": target}))


def _trace(
    view: RelevancyView, model: VisionLanguageModel, answer: Answer, target: Target
) -> Float[np.ndarray, "layer position"] | None:
    """The target's relevancy by layer, computed once; None, and a sentence, when it cannot be had."""
    key = ("layers", answer_key(answer), target)

    def follow(cancel: CancelToken, report: Report) -> Float[np.ndarray, "layer position"]:
        return relevancy_by_layer(model, answer, token_targets_of(answer, target), cancel).mean(0).numpy()

    passes = Passes(forward=2, backward=len(token_targets_of(answer, target)))
    told = forecast(model, answer, passes)
    return view.obtain(model, TRACES, key, "following relevancy through the layers", "layers", follow, told)
