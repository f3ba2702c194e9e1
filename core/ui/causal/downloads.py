"""Take the graph away: as a picture, for networkx and its kin, and with every number and setting."""

from __future__ import annotations

from functools import partial

import streamlit as st

from ...answer import Answer
from ...causal.discovery import CausalGraph
from ...causal.export import to_graphml, to_json
from ...charts.pag_picture import pag_png
from ...runs.kinds import GRAPH
from ..widgets.map_downloads import times_line
from ..widgets.scripts import Made, copy_script
from .naming import drawn
from .settings import in_words


def graph_downloads(answer: Answer, graph: CausalGraph, radius: int) -> None:
    """A popover with three files, made when they are asked for."""
    name = f"causal-graph-token{graph.token + 1}-layer{graph.layer}-head{graph.head}"
    with st.popover("Save", icon=":material/download:", type="tertiary"):
        st.download_button(
            "Picture (PNG)",
            partial(_png, answer, graph, radius),
            f"{name}.png",
            "image/png",
            "causal_png",
            on_click="ignore",
        )
        st.download_button(
            "For other programs (GraphML)",
            partial(to_graphml, graph),
            f"{name}.graphml",
            "application/xml",
            "causal_graphml",
            on_click="ignore",
        )
        st.download_button(
            "Everything with settings (JSON)",
            partial(to_json, graph),
            f"{name}.json",
            "application/json",
            "causal_json",
            on_click="ignore",
        )
    copy_script(answer, Made(GRAPH, graph, {"radius": radius}))


def _png(answer: Answer, graph: CausalGraph, radius: int) -> bytes:
    notes = (
        f"Token {graph.token + 1} of the answer, layer {graph.layer}, head {graph.head}; distance {radius}",
        in_words(graph.settings),
        f"Question: {answer.question.text[:200]}",
        f"Answer: {answer.text[:200]}",
        *map(times_line, answer.question.clips),
        *graph.notes,
    )
    return pag_png(
        graph.learned.graph, graph.explanation, drawn(graph, answer), notes, radius=radius, record=to_json(graph)
    )
