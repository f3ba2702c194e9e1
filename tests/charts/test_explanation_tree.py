"""The explanation tree: nodes on their arcs, words that are read on a light page and on a dark one."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from core.causal.explanation import explain_node
from core.causal.pag import Pag
from core.charts.drawn import DrawnNode
from core.charts.explanation_tree import explanation_tree
from core.charts.palette import CHOSEN, INK_ON_DARK, INK_ON_LIGHT, PAPER

GRAPH = Pag.parse(6, ["4 <-> 5", "3 <-> 4", "1 o-> 3", "2 o-o 5"])
LABELS = ("a", "</script>", "house", "b", "c", "yellow")


def drawn(graph: Pag = GRAPH) -> list[DrawnNode]:
    picture = Image.new("RGB", (20, 20), "#336699")
    return [DrawnNode(LABELS[n], picture if n % 2 and n < 5 else None) for n in range(graph.size)]


def tree(**options: Any) -> dict[str, Any]:
    return explanation_tree(GRAPH, explain_node(GRAPH, 5), drawn(), **options).to_dict(validate=True)


def points(chart: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {row["node"]: row for data in chart["datasets"].values() for row in data if "token" in row}


def test_it_shows_the_explanation_out_to_its_radius_with_an_arc_for_each_distance() -> None:
    chart = tree(radius=2)
    drawn = points(chart)
    rows = [row for data in chart["datasets"].values() for row in data]
    assert sorted(point["distance"] for point in drawn.values()) == [0, 1, 1, 2]
    assert [node for node, point in drawn.items() if point["target"]] == [5]
    assert sorted(row["edge"].split()[0] for row in rows if "edge" in row) == ["<->", "<->", "o-o"]
    assert sum(layer["mark"]["type"] == "point" for layer in chart["layer"]) == 2


def test_it_keeps_its_size_beside_a_legend_so_that_nodes_stand_on_their_arcs() -> None:
    chart = tree(side=500)
    assert (chart["width"], chart["height"], chart["autosize"]) == (500, 500, "pad")


def test_words_stand_on_cards_in_colours_that_either_page_shows() -> None:
    marks = {layer["mark"]["type"]: layer for layer in tree()["layer"] if "color" in layer.get("encoding", {})}
    card, text = marks["rect"]["encoding"]["color"], marks["text"]["encoding"]["color"]
    assert (card["value"], text["value"]) == (PAPER, INK_ON_LIGHT)
    assert (card["condition"]["value"], text["condition"]["value"]) == (CHOSEN, INK_ON_DARK)


def test_a_longer_word_has_a_wider_place_to_click() -> None:
    drawn = points(tree(click="node"))
    wide = {node: drawn[node]["right"] - drawn[node]["left"] for node in drawn}
    assert wide[5] > wide[4] > 0


def test_the_tree_of_an_isolated_target_is_the_target() -> None:
    graph = Pag.parse(3, ["0 o-> 1"])
    chart = explanation_tree(graph, explain_node(graph, 2), drawn(graph), picked=2).to_dict(validate=True)
    assert list(points(chart)) == [2]


def test_nodes_that_do_not_fit_the_graph_are_refused() -> None:
    with pytest.raises(ValueError, match="one drawn node"):
        explanation_tree(GRAPH, explain_node(GRAPH, 5), drawn()[:3])
