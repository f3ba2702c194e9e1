"""What goes to the browser stays small, whatever the model: figures of 2,784 patches and of 32 heads a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.answer import PatchView, TokenKind, TokenLayout
from core.causal.explanation import explain_node
from core.causal.pag import Pag
from core.charts.drawn import DrawnNode, patch_image
from core.charts.explained import explained_image
from core.charts.explanation_tree import explanation_tree
from core.charts.heads import SmallImage, gallery, head_map
from core.charts.heatmap import heatmap
from core.charts.pag import pag_page
from core.charts.readings import Reading, reading_grid, reading_table
from core.ui.causal.network import packed

MOST = 400_000
"""Bytes of one message."""
ROWS, COLUMNS = 48, 58
POSITIONS = tuple(range(10, 10 + ROWS * COLUMNS))
NOISE = np.random.default_rng(0)


def noisy(width: int, height: int) -> Image.Image:
    """A picture as busy as photographs are."""
    grains = NOISE.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return Image.fromarray(grains).resize((width, height), Image.Resampling.BICUBIC)


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
