"""All heads of a layer, or of the model: a small graph's explanation each, and whether masking it moved the token."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from ...answer import Answer
from ...causal.heads import HeadsTest, heads_tests
from ...causal.settings import GraphSettings
from ...charts.explained import explained_thumbnail
from ...charts.heads import SmallImage, gallery, head_map
from ...masking import as_seen
from ...statistics.proportion import Proportion
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..widgets.clicks import Entry, clickable
from ..widgets.layers import greyed
from ..widgets.pages import page_of
from .naming import nats
from .view import GRAPHS, HEADS_TESTS, CausalView

SMALL, WIDTH = 101, 664
"""Pixels: six small pictures in a line, which a window of 1024 has room for."""
PAGE = 18
"""Small pictures at a time."""


def known(view: CausalView, answer: Answer, token: int, layer: int, settings: GraphSettings) -> HeadsTest | None:
    """The test of a layer's heads, if it is there."""
    return view.results.get(HEADS_TESTS, view.heads_key(answer, token, layer, settings))


def ranked(view: CausalView, answer: Answer, token: int, settings: GraphSettings) -> dict[int, str]:
    """The chosen layer's heads in their order, each with what masking did; empty while that is not known."""
    assert view.layer is not None
    test = known(view, answer, token, view.layer, settings)
    return {} if test is None else {head: f": {_figure(test, head)}" for head in test.ranked}


def _figure(test: HeadsTest, head: int) -> str:
    """What is known of a head, in a few words."""
    graph = test.graphs[head]
    flip = test.flip(head)
    if flip is None:
        return (
            "isolated" if graph.explanation.isolated else "no patch" if not graph.verdict(test.rates.radius) else "all"
        )
    return f"{nats(flip.explanation.change)}{', flips' if flip.explanation.flipped else ''}"


def heads_test_panel(
    view: CausalView, model: VisionLanguageModel, answer: Answer, token: int, settings: GraphSettings, image: int
) -> None:
    """Buttons, and what is known of the chosen layer and of all, over the picture of this number."""
    assert view.layer is not None
    st.subheader("Which heads' explanations hold?", anchor=False)
    every = list(model.card.attention_layers)
    left = [layer for layer in every if known(view, answer, token, layer, settings) is None]
    with st.container(horizontal=True, gap="small"):
        layer_clicked = st.button(
            f"Test all {model.card.heads} heads of layer {view.layer}",
            icon=":material/grid_view:",
            disabled=view.layer not in left,
            key="causal_heads",
        )
        model_clicked = st.button(
            f"Test all heads of all {len(every)} layers", disabled=not left, key="causal_all_heads"
        )
    wanted = [view.layer] if layer_clicked else left if model_clicked else []
    asked = ("heads", view.heads_key(answer, token, view.layer, settings))
    if wanted:
        _compute(view, model, answer, token, wanted, settings, asked)
    view.jobs.tell(asked)
    tests = [test for layer in every if (test := known(view, answer, token, layer, settings)) is not None]
    if not tests:
        st.caption(
            "Each head's graph is learned and its explanation masked, with random sets and the most attended patches "
            f"of the same size beside it, at distance {view.radius}. Heads are then ranked by how far theirs moved the "
            "token."
        )
        return
    own = known(view, answer, token, view.layer, settings)
    if own is not None:
        _multiples(view, answer, own, image)
    if len(tests) > 1:
        _map(view, model, tests)


def _compute(
    view: CausalView,
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    layers: Sequence[int],
    settings: GraphSettings,
    asked: object,
) -> None:
    radius, masking = view.radius, view.masking

    def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
        tests = heads_tests(model, answer, token, layers, settings, radius, masking, cancel=cancel, progress=report)
        for test in tests:
            view.results.keep(HEADS_TESTS, view.heads_key(answer, token, test.layer, settings), test)
            for graph in test.graphs:
                view.results.keep(GRAPHS, view.graph_key(answer, token, graph.layer, graph.head, settings), graph)

    view.jobs.start(model, asked, "testing the explanations of all heads", "heads", work)


def _multiples(view: CausalView, answer: Answer, test: HeadsTest, image: int) -> None:
    """A small picture for each head, the furthest moved first."""
    st.markdown(
        f"**Layer {test.layer}**: each head with its explanation's patches at distance "
        f"{test.rates.radius}, and what masking them did"
    )
    if answer.layout.views:
        seen = as_seen(answer.question)
        images = []
        for head in page_of(test.ranked, PAGE, "causal_gallery_page"):
            graph = test.graphs[head]
            distance = graph.explanation.tree.distance
            patches = {graph.nodes[node].position: distance[node] for node in graph.explanation.tree.nodes}
            small = explained_thumbnail(seen, answer.layout, patches, test.rates.radius, size=SMALL, only=(image,))
            images.append(
                SmallImage(
                    small,
                    f"head {head}: {_figure(test, head).replace(' nats', '')}",
                    (test.layer, head),
                )
            )

        def clicked(entry: Entry) -> None:
            view.choose(int(entry["layer"]), int(entry["head"]))

        chosen = (view.layer or 0, view.head)
        chart = gallery(images, width=WIDTH, chosen=chosen, click="small")
        clickable(chart, "small", "causal_gallery", clicked, f"the explanation of each head of layer {test.layer}")
    rates = test.rates
    st.caption(
        f"Masked: {rates.masking.sentence}. The token changes with the explanation masked for "
        f"{_share(rates.explanation)} heads, with as many random patches in {_share(rates.random)} sets, with the most "
        f"attended in {_share(rates.attention)}. Not counted: {rates.empty} without a patch, {rates.everything} with "
        "nearly all. Figures are the change of the token's log-probability (nats); the order is by how far it goes "
        "beyond random sets."
    )


def _share(rate: Proportion) -> str:
    return f"{rate.hits} of {rate.count}"


def _map(view: CausalView, model: VisionLanguageModel, tests: Sequence[HeadsTest]) -> None:
    """All heads that were tested as cells."""
    figures = np.full((model.card.layers, model.card.heads), np.nan)
    for test in tests:
        for flip in test.rates.flips:
            figures[test.layer, flip.head] = flip.beyond_random
    if not np.isfinite(figures).any():
        return

    def clicked(entry: Entry) -> None:
        view.choose(int(entry["layer"]), int(entry["head"]))

    chart = head_map(
        figures,
        name="moved beyond random (nats)",
        signed=True,
        chosen=(view.layer or 0, view.head),
        without=model.card.without_attention,
        click="cell",
        size=260,
    )
    st.caption(
        "How much further each head's explanation lowered the token's log-probability than random sets of its size "
        "(nats). Click a head. Empty: nothing to mask, or nearly everything."
        f"{greyed(model.card.without_attention)}"
    )
    clickable(
        chart, "cell", "causal_head_map", clicked, "how far each head's explanation moved the token; click a head"
    )
