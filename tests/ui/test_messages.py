"""What goes to the browser stays small, whatever the model: figures of 2,784 patches and of 32 x 32 heads, and every
message of the pages that draw them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.answer import Answer, PatchView, TokenKind, TokenLayout
from core.causal.explanation import explain_node
from core.causal.pag import Pag
from core.charts.drawn import DrawnNode, patch_image
from core.charts.explained import explained_image
from core.charts.explanation_tree import explanation_tree
from core.charts.heads import SmallImage, gallery, head_map
from core.charts.heatmap import heatmap
from core.charts.pag import pag_page
from core.charts.readings import Reading, reading_grid, reading_table
from core.runs.absent import absent_model
from core.runs.manifest import KeptModel
from core.ui.causal.network import packed
from core.ui.mechanisms.view import MechanismsView
from core.ui.state.pin import Pin
from core.ui.state.workspace import Exchange, Workspace
from core.vlm.hf.network import TransformersModel
from tests.ui.wide import COLUMNS, NOISE, ROWS, TARGET, found_out, noisy, wide_answer, wide_card

App = Callable[..., AppTest]
MOST = 400_000
"""Bytes of one message."""
POSITIONS = tuple(range(10, 10 + ROWS * COLUMNS))


def layout() -> TokenLayout:
    kinds = (TokenKind.SPECIAL,) * 10 + (TokenKind.IMAGE,) * len(POSITIONS) + (TokenKind.TEXT,) * 20
    view = PatchView(0, "picture", ROWS, COLUMNS, (0, 0, 464, 384), POSITIONS)
    return TokenLayout(kinds, (view,), ((464, 384),))


def reading() -> Reading:
    letters = NOISE.integers(97, 123, (10, 8))
    return Reading(tuple(map(bytes.decode, map(bytes, letters.astype(np.uint8)))), tuple(NOISE.random(10).tolist()))


def shown() -> None:
    import streamlit as st

    for chart in st.session_state["charts"]:
        st.altair_chart(chart, width="content")


def bytes_of(charts: dict[str, Any]) -> dict[str, int]:
    """What the message of each figure takes, with its data and its specification."""
    at = AppTest.from_function(shown, default_timeout=60)
    at.session_state["charts"] = list(charts.values())
    at.run()
    assert not at.exception
    messages = at.get("vega_lite_chart")
    return {name: message.proto.ByteSize() for name, message in zip(charts, messages, strict=True)}


def test_figures_of_many_patches_and_heads_are_small_messages() -> None:
    places, image = layout(), noisy(464, 384)
    scores = NOISE.random(len(places))
    readings = {position: reading() for position in POSITIONS}
    words = [[reading() for _ in range(7)] for _ in range(80)]
    nodes = [DrawnNode("word", patch_image(noisy(60, 60), (0, 0, 60, 60))) for _ in range(50)]
    graph = Pag.parse(50, [f"{node} --> 49" for node in range(49)])
    heads = [SmallImage(noisy(101, 101), f"head {head}", (0, head)) for head in range(18)]
    figures = {
        "map": heatmap([image], places, scores, click="patch", selected=POSITIONS[:40]),
        "stopped map": heatmap([image], places, np.where(scores < 0.5, scores, np.nan)),
        "map to look closer at": heatmap([image], places, scores, size=760, zoom=True),
        "words": reading_grid([image], places, readings, size=452, marked=POSITIONS, click="patch"),
        "words to look closer at": reading_grid([image], places, readings, size=760, marked=POSITIONS, zoom=True),
        "table of words": reading_table([f"word {row}" for row in range(80)], range(7), words),
        "explanation": explained_image([image], places, {11: 1, 40: 2}, 2, others=POSITIONS[:50], click="patch"),
        "tree": explanation_tree(graph, explain_node(graph, 49), nodes),
        "small pictures": gallery(heads, width=664, click="small"),
        "heads": head_map(NOISE.random((80, 64)), name="x", click="cell"),
    }
    sizes = bytes_of(figures)
    sizes["graph"] = len(packed(pag_page(graph, explain_node(graph, 49), nodes)))
    assert {name: size for name, size in sizes.items() if size > MOST} == {}


@pytest.fixture(scope="module")
def answer(llava: TransformersModel) -> Answer:
    return wide_answer(llava)


CHOSEN: dict[str, tuple[str, dict[str, object], str]] = {
    "Chat": ("1_Chat", {}, ""),
    "Attention Explorer": ("2_Attention_Explorer", {}, "where each head of layer 31 looks"),
    "Relevancy": ("3_Relevancy", {}, "over the picture"),
    "Causal Graph": ("4_Causal_Graph", {}, "the explanation tree"),
    "Mechanisms": ("5_Mechanisms", {}, "increase of every patch"),
    "the lens": ("5_Mechanisms", {"lens": "logit_lens"}, "the most probable word of every token and layer"),
    "Side by Side": ("8_Side_by_Side", {"beside_what": "Maps"}, "of answer 2"),
}
"""A page or a view of one: its file, what is chosen there, and what a figure of it is called."""


@pytest.mark.parametrize("name", CHOSEN)
def test_every_message_of_a_page_is_small(
    name: str, app: App, llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, (file, chosen, drawn) = wide_card(llava), CHOSEN[name]
    monkeypatch.setattr("core.ui.widgets.exploring.kept_model", lambda work: absent_model(card, [answer]))
    at = app(None)
    work: Workspace = at.session_state["workspace"]
    work.exchanges = [Exchange(answer.question, (), answer=answer)]
    work.inspect(work.exchanges[0])
    work.target = TARGET
    answers = (answer, replace(answer, model="wide, too"))
    work.pins = tuple(
        Pin("", each, each.model, target=TARGET, chosen=TARGET, kept=KeptModel(card, None)) for each in answers
    )
    for each in answers if file.startswith("8") else answers[:1]:
        found_out(work.results, each)
    for key, value in chosen.items():
        if key == "lens":
            work.view(MechanismsView).lens = str(value)
        else:
            at.session_state[key] = value
    at.switch_page(f"pages/{file}.py").run()
    assert not at.exception and not at.error
    messages = [node.proto for node in at._tree if getattr(node, "proto", None) is not None]
    alts = [alt for message in messages if (alt := getattr(message, "alt", ""))]
    assert not drawn or any(drawn in alt for alt in alts)
    large = {str(message)[:80]: message.ByteSize() for message in messages if message.ByteSize() > MOST}
    assert large == {}
