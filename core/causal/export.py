"""A causal graph for other programs: causal-learn, networkx, GraphML, JSON."""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import asdict
from io import BytesIO
from typing import Any

import networkx as nx
from causallearn.graph.Edge import Edge as GeneralEdge
from causallearn.graph.Endpoint import Endpoint
from causallearn.graph.GeneralGraph import GeneralGraph
from causallearn.graph.GraphNode import GraphNode

from .discovery import CausalGraph
from .pag import Mark

_ENDPOINTS = {Mark.TAIL: Endpoint.TAIL, Mark.ARROW: Endpoint.ARROW, Mark.CIRCLE: Endpoint.CIRCLE}


def to_general(graph: CausalGraph) -> GeneralGraph:
    """The graph as causal-learn keeps one. A node's name is its number and its text: "3: house"."""
    nodes = [GraphNode(f"{number}: {_readable(node.text).strip()}") for number, node in enumerate(graph.nodes)]
    result = GeneralGraph(nodes)
    for edge in graph.learned.graph.edges():
        ends = _ENDPOINTS[edge.mark_a], _ENDPOINTS[edge.mark_b]
        result.add_edge(GeneralEdge(nodes[edge.a], nodes[edge.b], *ends))
    result.set_pag(True)
    return result


def to_networkx(graph: CausalGraph) -> nx.Graph[int]:
    """A simple graph of node numbers. Nodes carry what they are; edges "edge" as drawn from "from" to "to", and both
    marks. Nothing in it is None, so that every format of networkx can write it."""
    result: nx.Graph[int] = nx.Graph(
        token=graph.token, layer=graph.layer, head=graph.head, target=graph.target, **_plain(asdict(graph.settings))
    )
    for number, node in enumerate(graph.nodes):
        left, top, right, bottom = node.box or (math.nan,) * 4
        result.add_node(
            number,
            text=_readable(node.text),
            kind=str(node.kind),
            position=node.position,
            row=node.row,
            attention=node.attention,
            target=number == graph.target,
            **({"left": left, "top": top, "right": right, "bottom": bottom} if node.box else {}),
        )
    for edge in graph.learned.graph.edges():
        relation = graph.relation(edge.a, edge.b)
        result.add_edge(
            edge.a,
            edge.b,
            edge=str(edge),
            **{"from": edge.a, "to": edge.b, "mark_from": str(edge.mark_a), "mark_to": str(edge.mark_b)},
            correlation=relation.correlation,
            p_value=relation.p_value,
        )
    return result


def to_graphml(graph: CausalGraph) -> bytes:
    """UTF-8 GraphML of `to_networkx`."""
    buffer = BytesIO()
    nx.write_graphml_xml(to_networkx(graph), buffer)
    return buffer.getvalue()


def to_json(graph: CausalGraph) -> str:
    """Everything that is needed to read the graph and to learn it again: nodes, edges, separating sets, correlations,
    settings, and how far the search went."""
    learned = graph.learned
    content = {
        "token": graph.token,
        "layer": graph.layer,
        "head": graph.head,
        "target": graph.target,
        "settings": asdict(graph.settings),
        "ridge": graph.ridge,
        "sink": graph.sink,
        "nodes": [asdict(node) for node in graph.nodes],
        "edges": [{"from": edge.a, "to": edge.b, "edge": str(edge)} for edge in learned.graph.edges()],
        "separators": [{"nodes": list(pair), "given": list(given)} for pair, given in learned.separators.items()],
        "explanations": {str(radius): list(graph.explanation.within(radius)) for radius in graph.explanation.radii},
        "correlation": graph.correlation.tolist(),
        "tests": list(learned.tests),
        "tested_up_to": learned.reached,
        "complete": learned.complete,
        "notes": list(graph.notes),
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Settings without None, which GraphML has no word for."""
    return {name: "automatic" if value is None else value for name, value in values.items()}


def _readable(text: str) -> str:
    """Text without characters that XML forbids."""
    return "".join("\ufffd" if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
