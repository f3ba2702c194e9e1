"""The test of an explanation on the page: which part of it suffices to change the token, beside its controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pandas as pd
import streamlit as st

from ...answer import Answer, Fill
from ...causal.costs import explanation_expected
from ...causal.discovery import CausalGraph
from ...causal.explanation_test import ExplanationTest, Masking, Trial, explanation_test, image_positions
from ...charts.tokens import visible
from ...counted import counted
from ...runs.kinds import EXPLANATION_TEST
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..state.graphs import GraphKey
from ..widgets.folded import folded
from ..widgets.forecasts import foretold
from ..widgets.places import place_of
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import save_table
from .naming import names_of
from .view import TESTS, CausalView, MaskedKey

CAPS = (32, 64, 128, 256, 512, 1024)
MODES = {"reader": "block attention to these image tokens", "pixels": "replace the pixels, encode again"}
KINDS = {"candidate": "part of the explanation", "whole": "all of it", "random": "random", "attention": "top attention"}
WAYS = "causal_mode"


def explanation_test_panel(
    view: CausalView, model: VisionLanguageModel, answer: Answer, graph: CausalGraph, key: GraphKey, radius: int
) -> None:
    """How to mask, the button, and what came of it."""
    st.subheader("Does masking the explanation change the token?", anchor=False)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        cap = _how(view)
        patches = len(image_positions(graph, graph.explanation.within(radius)))
        run = st.button(
            "Test this explanation",
            type="primary",
            icon=":material/experiment:",
            disabled=not patches,
            key="causal_test",
        )
    asked = MaskedKey(key, radius, view.masking, cap)
    test = view.results.get(TESTS, asked)
    told = None
    if patches and (run or test is None):
        told = explanation_expected(model, answer, graph, radius, view.masking, cap)
        foretold(told, "This is the most: the test ends at the first part that changes the token.")
    if run:

        def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
            test = explanation_test(model, answer, graph, radius, view.masking, cap=cap, cancel=cancel, progress=report)
            view.results.keep(TESTS, asked, test)

        view.jobs.start(model, asked, "masking parts of the explanation", "test", work, told)
    if test is not None:
        _result(answer, graph, test)
    elif not view.jobs.tell(asked):
        st.caption(_nothing_yet(patches))


def _nothing_yet(patches: int) -> str:
    if not patches:
        return "The explanation has no patch at this distance, so there is nothing to mask."
    return (
        "Parts of the explanation are masked, smallest first, until the token changes; random sets and the most "
        "attended patches of the same size are masked as controls. The explanation has "
        f"{counted(patches, 'patch', 'patches')}."
    )


def _how(view: CausalView) -> int:
    """The way of masking, which all tests of the page share, and the most forward passes."""

    def chosen() -> None:
        view.masking = Masking(st.session_state[WAYS], st.session_state.get("causal_fill", view.masking.fill))

    st.session_state[WAYS] = view.masking.mode
    st.selectbox(
        "Masking",
        list(MODES),
        format_func=MODES.__getitem__,
        key=WAYS,
        on_change=chosen,
        width=290,
        help="Where attention is blocked, a patch's neighbours may still hold what it shows; where its pixels are "
        "replaced, nothing does. The two may disagree.",
    )
    st.session_state["causal_fill"] = view.masking.fill
    st.selectbox("Fill", get_args(Fill), key="causal_fill", on_change=chosen, width=110)
    return int(
        st.select_slider("Maximum forward passes", CAPS, 256, key="causal_cap", persist_state="session", width=200)
    )


def _result(answer: Answer, graph: CausalGraph, test: ExplanationTest) -> None:
    st.text(test.sentence)
    if test.stopped:
        st.caption("You stopped this. Sets that were tried are kept.")
    sufficient = test.sufficient
    if sufficient is not None:
        nodes = names_of(graph, answer, sufficient.nodes)
        st.text(f"“{visible(test.said)}” becomes “{visible(sufficient.said)}” without {nodes}.")
    rows = [_row(answer, trial) for trial in _worth_showing(test)]
    if rows:
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            placeholder="–",
            height="content" if len(rows) < 9 else 320,
            column_config={
                "change (nats)": st.column_config.NumberColumn(
                    format="%+.3f", help="of the target's log-probability; below zero the set mattered"
                )
            },
        )
        save_table(rows, "explanation-test", "explanation_test_csv")
    folded(
        "Masking can also change a token because the picture looks odd: compare with the random sets.",
        f"{counted(test.forwards, 'forward pass', 'forward passes')}; {test.masking.sentence}. Every set tried is "
        "listed, the smallest first (its words count too, though they are not masked), then the whole and the "
        "controls.",
    )
    of_graph = {"token": graph.token, "layer": graph.layer, "head": graph.head, "settings": graph.settings}
    copy_script(answer, Made(EXPLANATION_TEST, test, {"graph": of_graph}))


def _worth_showing(test: ExplanationTest) -> list[Trial]:
    whole = () if test.whole is None else (test.whole,)
    return [*test.candidates, *whole, *test.controls]


def _row(answer: Answer, trial: Trial) -> dict[str, object]:
    places = "; ".join(place_of(answer, position) for position in trial.positions[:6])
    return {
        "set": KINDS[trial.kind],
        "patches": len(trial.positions),
        "change (nats)": round(trial.change, 3) + 0.0,  # what rounds to nothing has no sign
        "token changes": trial.changed,
        "it then says": visible(trial.said),
        "which": places + (" …" if len(trial.positions) > 6 else ""),
    }
