"""Causal graphs over one head's attention."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from PIL import Image

from ...answer import Answer, TokenKind
from ...causal import icd
from ...causal.discovery import CausalGraph, causal_graph
from ...causal.export import to_json
from ...charts.drawn import MEANINGS
from ...charts.pag_picture import pag_png
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..drawing import Pixels
from ..figure import Figure
from ..nodes import drawn_nodes, node_name
from ._explained import picture_figure, tree_figure
from ._shared import docs, plain_settings, sentences, took


class Graphs(Renderer):
    """The graph of one head for one token of the answer, its explanation on the picture, and the tree of that. A `view`
    among what the case is about is one of these alone: "graph", "picture" or "tree"."""

    key = "graph"
    name = "Causal graph"

    def figures(self, case: Case) -> Sequence[Figure]:
        graph: CausalGraph = case.result
        radius, view, image = (case.about.get(name) for name in ("radius", "view", "image"))
        shown = int(radius) if isinstance(radius, int) and radius > 0 else 1
        name = f"layer {graph.layer}, head {graph.head}: token {graph.token + 1} of the answer"
        only = image if isinstance(image, int) else None
        made: dict[str, Callable[[], Figure | None]] = {
            "graph": partial(_graph, case, shown, name),
            "picture": partial(picture_figure, graph, case.answer, shown, name, only),
            "tree": partial(tree_figure, graph, case.answer, shown, name),
        }
        figures = (make() for which, make in made.items() if view in (None, which))
        return [figure for figure in figures if figure is not None]

    def code(self, case: Case, write: Writer) -> Code:
        graph: CausalGraph = case.result
        place = [repr(one) for one in (graph.token, graph.layer, graph.head)]
        again = write.call(causal_graph, "model", "answer", *place, write.literal(graph.settings))
        return Code((f"result = {again}",))


def _graph(case: Case, shown: int, name: str) -> Figure:
    """All nodes and edges, those within `shown` steps of the target strong."""
    graph: CausalGraph = case.result
    names = [node_name(graph, case.answer, number) for number in range(len(graph.nodes))]
    edges = graph.learned.graph.edges()
    rows: list[Row] = [
        {
            "from": names[edge.a],
            "edge": str(edge),
            "to": names[edge.b],
            "correlation": relation.correlation,
            "p-value": relation.p_value,
        }
        for edge in edges
        for relation in (graph.relation(edge.a, edge.b),)
    ]
    near = graph.explanation.within(shown)
    nodes = len(graph.nodes)
    adjacency = np.zeros((nodes, nodes), dtype=np.int8)
    for edge in edges:
        adjacency[edge.a, edge.b], adjacency[edge.b, edge.a] = (
            1 + ["-", ">", "o"].index(str(mark).replace("<", ">")) for mark in (edge.mark_b, edge.mark_a)
        )
    numbers = {
        "correlation": np.asarray(graph.correlation),
        "positions": np.array([node.position for node in graph.nodes]),
        "marks": adjacency,
    }
    told = ", ".join(names[node] if graph.nodes[node].kind is TokenKind.IMAGE else f"“{names[node]}”" for node in near)
    said = f"Within distance {shown} of the target: {told or 'nothing'}."
    meanings = "; ".join(f"{edge} {meaning}" for edge, meaning in MEANINGS.items())
    settings = {
        "layer": graph.layer,
        "head": graph.head,
        **{name: getattr(graph.settings, name) for name in _setting_names(graph)},
    }
    return Figure(
        f"Causal graph of {name}",
        sentences(said, *graph.notes, graph.verdict(shown), f"Edges: {meanings}.", took(case.seconds)),
        numbers,
        Pixels(partial(_picture, graph, case.answer, shown)),
        rows,
        settings=plain_settings(settings),
        methods=(*docs(icd), "Rohekar et al. (2023)"),
    )


def _setting_names(graph: CausalGraph) -> tuple[str, ...]:
    return tuple(type(graph.settings).__dataclass_fields__)


def _picture(graph: CausalGraph, answer: Answer, radius: int) -> Image.Image:
    png = pag_png(
        graph.learned.graph, graph.explanation, drawn_nodes(graph, answer), (), radius=radius, record=to_json(graph)
    )
    return Image.open(io.BytesIO(png))
