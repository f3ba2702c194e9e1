"""What a causal graph explains the target by: as a tree of steps, and on the picture."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...answer import Answer
from ...causal.discovery import CausalGraph
from ...charts.drawn import edge_kind
from ...charts.explained import explained_image
from ...charts.explanation_tree import explanation_tree
from ...masking import as_seen
from ...mechanisms.results import Row
from ..drawing import Chart
from ..figure import Figure
from ..nodes import distances, drawn_nodes, node_name

PICTURE, TREE = 340, 500
"""Pixels, as on the page."""


def tree_figure(graph: CausalGraph, answer: Answer, radius: int, name: str) -> Figure | None:
    """The target, and each token joined to the one through which it was reached; None where no edge ends at the
    target. `name` says of what the graph is."""
    explanation = graph.explanation
    if explanation.isolated:
        return None
    steps = explanation.tree.distance
    kinds = {frozenset((edge.a, edge.b)): edge_kind(edge) for edge in graph.learned.graph.edges()}
    near = sorted((steps[node], node) for node in explanation.parents if steps[node] <= radius)
    rows: list[Row] = [
        {
            "token": node_name(graph, answer, node),
            "distance": step,
            "reached through": node_name(graph, answer, explanation.parents[node]),
            "edge": kinds[frozenset((node, explanation.parents[node]))],
        }
        for step, node in near
    ]
    numbers = {"tree": np.array([(node, explanation.parents[node], step) for step, node in near]).reshape(-1, 3)}
    draw = partial(
        explanation_tree, graph.learned.graph, explanation, drawn_nodes(graph, answer), radius=radius, side=TREE
    )
    caption = (
        "The target in the middle; each arc is one more step on the graph. Lines join a token to the one it was "
        "reached through, in the colour of the edge between them."
    )
    return Figure(f"Explanation tree, distance {radius}: {name}", caption, numbers, Chart(draw), rows)


def picture_figure(graph: CausalGraph, answer: Answer, radius: int, name: str, image: int | None) -> Figure | None:
    """The patches within `radius` steps of the target on picture `image`, or on all; None where there is no place to
    show them."""
    if not answer.layout.views:
        return None
    near = distances(graph)
    shown = {position: step for position, step in near.items() if 1 <= step <= radius}
    number = {node.position: index for index, node in enumerate(graph.nodes)}
    patches = sorted((step, position) for position, step in shown.items() if graph.nodes[number[position]].box)
    rows: list[Row] = [
        {"patch": node_name(graph, answer, number[position]), "distance": step} for step, position in patches
    ]
    numbers = {"patches": np.array([(position, step) for step, position in patches]).reshape(-1, 2)}
    draw = partial(
        explained_image,
        as_seen(answer.question),
        answer.layout,
        near,
        radius,
        others=tuple(number),
        size=PICTURE,
        only=None if image is None else (image,),
    )
    caption = "Patches of the explanation are bright, in the colour of their distance. Dashed: in the graph alone."
    title = f"Explanation on the picture, distance {radius}: {name}"
    return Figure(title, caption, numbers, Chart(draw), rows)
