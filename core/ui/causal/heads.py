"""All heads of a layer or of the model, or a sample of them: each one's explanation, and whether masking it moves
the token."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from ...answer import Answer, Head
from ...causal.costs import heads_expected
from ...causal.discovery import CausalGraph
from ...causal.heads import SAMPLE_OF_A_LAYER, HeadsSummary, HeadsTest, heads_tests, sample_of_heads
from ...causal.settings import GraphSettings
from ...charts.explained import explained_thumbnails
from ...charts.heads import SmallImage, gallery, head_map
from ...masking import as_seen
from ...quantities import change_in_nats
from ...reports.nodes import distances
from ...runs.kinds import HEADS_TEST
from ...statistics.proportion import Proportion
from ...vlm.cancel import CancelToken
from ...vlm.model import ModelCard, VisionLanguageModel
from ..state.graphs import GraphKey
from ..state.results import Kind
from ..widgets.by_keyboard import MANY
from ..widgets.clicks import Entry, clickable
from ..widgets.forecasts import foretold
from ..widgets.layers import greyed
from ..widgets.pages import page_of
from ..widgets.scripts import Made, copy_script
from ..widgets.taken_charts import save_chart
from .view import HEADS_TESTS, SAMPLES, CausalView, HeadsKey

SMALL, WIDTH = 101, 664
"""Pixels: six small pictures in a line, which a window of 1024 has room for."""
PAGE = 18
"""Small pictures at a time."""


def known(view: CausalView, answer: Answer, token: int, layer: int, settings: GraphSettings) -> HeadsTest | None:
    """The test of a layer's heads, if it is there."""
    return view.results.get(HEADS_TESTS, view.heads_key(answer, token, layer, settings))


def learned(view: CausalView, answer: Answer, key: GraphKey) -> CausalGraph | None:
    """The graph of a head as a test of heads has learned it, which may have masked another set of it. It is not kept
    beside its test before somebody looks at it: a run is told by what was looked at, and has hundreds of others."""
    present = view.heads_key(answer, key.token, key.layer, key.settings)
    for kind in (HEADS_TESTS, SAMPLES):
        of_head = [test for other, test in view.results.of(kind).items() if _alike(other, present)]
        for test in filter(None, (view.results.get(kind, present), *of_head)):
            for graph in test.graphs:
                if graph.head == key.head:
                    return graph
    return None


def _alike(key: Hashable, other: HeadsKey) -> bool:
    """Whether two tests are of the same graphs."""
    return isinstance(key, HeadsKey) and replace(key, radius=other.radius, masking=other.masking) == other


def ranked(view: CausalView, answer: Answer, token: int, settings: GraphSettings) -> dict[int, str]:
    """The chosen layer's heads in their order, each with what masking did; empty while that is not known."""
    assert view.layer is not None
    test = known(view, answer, token, view.layer, settings)
    return {} if test is None else {head: f": {_figure(test, head)}" for head in test.ranked}


def found(
    view: CausalView, card: ModelCard, answer: Answer, token: int, settings: GraphSettings
) -> list[tuple[Head, str]]:
    """All heads of the model, each with what masking its explanation did: those that moved the token furthest beyond
    chance first, then what was not masked, and what was not tested."""
    tests = _tests(view, card, answer, token, settings)
    moved = sorted((flip for test in tests.values() for flip in test.rates.flips), key=lambda flip: -flip.beyond_random)
    tested = {(test.layer, graph.head): None for test in tests.values() for graph in test.graphs}
    every = [(layer, head) for layer in card.attention_layers for head in range(card.heads)]
    order = dict.fromkeys([*((flip.layer, flip.head) for flip in moved), *tested, *every])
    return [(one, _figure(tests[one[0]], one[1]) if one in tested else "not tested") for one in order]


def _tests(
    view: CausalView, card: ModelCard, answer: Answer, token: int, settings: GraphSettings
) -> dict[int, HeadsTest]:
    """By layer the test of its heads, or that of a sample of them."""
    tests = {}
    for layer in card.attention_layers:
        key = view.heads_key(answer, token, layer, settings)
        if (test := view.results.get(HEADS_TESTS, key) or view.results.get(SAMPLES, key)) is not None:
            tests[layer] = test
    return tests


def _figure(test: HeadsTest, head: int) -> str:
    """What is known of a head, in a few words."""
    graph = test.graph(head)
    flip = test.flip(head)
    if flip is None:
        return (
            "isolated" if graph.explanation.isolated else "no patch" if not graph.verdict(test.rates.radius) else "all"
        )
    return f"{change_in_nats(flip.explanation.change)}{', flips' if flip.explanation.flipped else ''}"


def heads_test_panel(
    view: CausalView, model: VisionLanguageModel, answer: Answer, token: int, settings: GraphSettings, image: int
) -> None:
    """Buttons, and what is known of the chosen layer and of all, over the picture of this number."""
    assert view.layer is not None
    st.subheader("Which heads' explanations hold?", anchor=False)
    card = model.card
    every = list(card.attention_layers)
    full = {layer: known(view, answer, token, layer, settings) for layer in every}
    some = {
        layer: view.results.get(SAMPLES, view.heads_key(answer, token, layer, settings))
        for layer in every
        if card.heads * len(every) > MANY
    }
    left = [layer for layer in every if full[layer] is None]
    with st.container(horizontal=True, gap="small"):
        layer_clicked = st.button(
            f"Test all {card.heads} heads of layer {view.layer}",
            icon=":material/grid_view:",
            disabled=view.layer not in left,
            key="causal_heads",
        )
        each = min(SAMPLE_OF_A_LAYER, card.heads)
        sample_clicked = bool(some) and st.button(
            f"Test a sample of {each * len(every)} heads",
            disabled=not left or None not in some.values(),
            key="causal_sample",
            help=f"{each} heads of each layer, drawn at random. Their share holds for all heads within an interval.",
        )
        model_clicked = st.button(
            f"Test all heads of all {len(every)} layers", disabled=not left, key="causal_all_heads"
        )
    asked = ("heads", view.heads_key(answer, token, view.layer, settings))
    of_layer = {view.layer: range(card.heads)} if view.layer in left else {}
    of_sample = sample_of_heads([layer for layer, test in some.items() if test is None], card.heads, each)
    of_model = dict.fromkeys(left, range(card.heads))
    for wanted, name in (
        (of_layer, f"Layer {view.layer}"),
        (of_sample if left else {}, "A sample"),
        (of_model, "All layers"),
    ):
        if wanted:
            foretold(heads_expected(model, answer, wanted, view.masking), name=name)
    if sample_clicked:
        _compute(view, model, answer, token, of_sample, settings, asked, SAMPLES)
    elif layer_clicked or model_clicked:
        _compute(view, model, answer, token, of_layer if layer_clicked else of_model, settings, asked, HEADS_TESTS)
    view.jobs.tell(asked)
    tests = list(_tests(view, card, answer, token, settings).values())
    if not tests:
        st.caption(
            "Each head's graph is learned and its explanation masked, with random sets and the most attended patches "
            f"of the same size beside it, at distance {view.radius}. Heads are then ranked by how far theirs moved the "
            "token."
        )
        return
    if (own := full[view.layer]) is not None:
        _multiples(view, answer, own, image)
    if len(tests) > 1:
        _map(view, model, tests)
    for of_layers in (full, some):
        of_all = [test for test in of_layers.values() if test is not None]
        if len(of_all) == len(every):
            st.caption(HeadsSummary(tuple(of_all), card.heads * len(every)).sentence)
            break


def _compute(
    view: CausalView,
    model: VisionLanguageModel,
    answer: Answer,
    token: int,
    wanted: Mapping[int, Sequence[int]],
    settings: GraphSettings,
    asked: object,
    kind: Kind[HeadsTest],
) -> None:
    """Test the `wanted` heads of some layers, and keep each layer's test under `kind`."""
    radius, masking = view.radius, view.masking

    def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
        tests = heads_tests(model, answer, token, wanted, settings, radius, masking, cancel=cancel, progress=report)
        for test in tests:
            view.results.keep(kind, view.heads_key(answer, token, test.layer, settings), test)

    told = heads_expected(model, answer, wanted, masking)
    view.jobs.start(model, asked, "testing the explanations of heads", "heads", work, told)


def _multiples(view: CausalView, answer: Answer, test: HeadsTest, image: int) -> None:
    """A small picture for each head, the furthest moved first."""
    st.markdown(
        f"**Layer {test.layer}**: each head with its explanation's patches at distance "
        f"{test.rates.radius}, and what masking them did"
    )
    if answer.layout.views:
        seen = as_seen(answer.question)
        heads = page_of(test.ranked, PAGE, "causal_gallery_page")
        explained = [(distances(test.graph(head)), test.rates.radius) for head in heads]
        images = [
            SmallImage(small, f"head {head}: {_figure(test, head).replace(' nats', '')}", (test.layer, head))
            for head, small in zip(
                heads, explained_thumbnails(seen, answer.layout, explained, size=SMALL, only=(image,)), strict=True
            )
        ]

        def clicked(entry: Entry) -> None:
            view.choose(int(entry["layer"]), int(entry["head"]))

        chosen = (view.layer or 0, view.head)
        chart = gallery(images, width=WIDTH, chosen=chosen, click="small")
        clickable(chart, "small", "causal_gallery", clicked, f"the explanation of each head of layer {test.layer}")
    rates = test.rates
    st.caption(
        f"Masked: {rates.masking.sentence}. The token changes with the explanation masked for "
        f"{_share(rates.explanation)} heads, with as many random patches in {rates.random.share:.0%} of the sets (5 of "
        f"each size, the same for all heads), with the most attended in {_share(rates.attention)}. Not counted: "
        f"{rates.empty} without a patch, {rates.everything} with nearly all. Figures are the change of the token's "
        "log-probability (nats); the order is by how far it goes beyond random sets."
    )
    copy_script(answer, Made(HEADS_TEST, test))


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
        "(nats). Click a head. Empty: not tested, nothing to mask, or nearly everything."
        f"{greyed(model.card.without_attention)}"
    )
    clickable(
        chart, "cell", "causal_head_map", clicked, "how far each head's explanation moved the token; click a head"
    )
    rows = [
        {"layer": layer, "head": head, "moved beyond random (nats)": float(figure)}
        for (layer, head), figure in np.ndenumerate(figures)
        if np.isfinite(figure)
    ]
    save_chart(chart, "heads-explanations-tested", "save_causal_heads", rows)
