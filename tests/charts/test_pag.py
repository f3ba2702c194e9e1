"""The causal graph's page: nothing remote, nothing injected, every mark drawn, every node in its place."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.causal.explanation import explain_node
from core.causal.pag import Pag
from core.charts.drawn import MEANINGS, DrawnNode, edge_kind, patch_image
from core.charts.pag import pag_page
from core.charts.palette import CAUSAL_EDGES
from core.charts.radial import ROOM, radial

GRAPH = Pag.parse(6, ["4 <-> 5", "3 <-> 4", "1 o-> 3", "2 o-o 5", "0 --> 1", "0 --- 2"])
HOSTILE = (
    "</script><script>alert(1)</script>",
    '<img src="http://evil.example/x" onerror=alert(1)>',
    '<a href="http://evil.example">href</a>',
    "\u202egnp.exe\x00\n",
    "'; alert(1); //",
)


def nodes(graph: Pag, labels: tuple[str, ...] = ("word",)) -> list[DrawnNode]:
    picture = Image.new("RGB", (20, 20), "#336699")
    return [
        DrawnNode(labels[n % len(labels)], picture if n % 2 else None, (f"detail {labels[n % len(labels)]}",))
        for n in range(graph.size)
    ]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.tags


def data_of(page: str, name: str) -> list[dict[str, object]]:
    """The nodes or edges that the page hands to vis.js."""
    match = re.search(rf"{name} = new vis\.DataSet\((\[.*?\])\);\n", page)
    assert match is not None
    read: list[dict[str, object]] = json.loads(match[1])
    return read


def test_nothing_on_the_page_is_fetched() -> None:
    page = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH, HOSTILE))
    tags_of_page = tags(page)
    assert [tag for tag, _ in tags_of_page if tag in ("link", "iframe", "img", "object", "embed", "base", "a")] == []
    assert [attributes for tag, attributes in tags_of_page if tag == "script" and attributes.get("src")] == []
    policy = next(
        attributes["content"] for tag, attributes in tags_of_page if "http-equiv" in attributes and tag == "meta"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_labels_add_no_tag_and_no_script() -> None:
    """The page of hostile labels has the same tags as that of harmless ones."""
    harmless = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH))
    hostile = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH, HOSTILE))
    assert tags(hostile) == tags(harmless)
    assert "evil.example" in hostile
    labels = {node["id"]: node["label"] for node in data_of(hostile, "nodes")}
    assert labels[0] == "</script><scr…"
    assert labels[3] == "·gnp.exe·↵"


def test_no_node_has_a_title_that_pyvis_would_read() -> None:
    """pyvis takes a title that holds 'href' for markup."""
    assert all("title" not in node for node in data_of(pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH)), "nodes"))


def test_every_mark_is_drawn_at_its_end() -> None:
    page = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH))
    drawn = {}
    for edge in data_of(page, "edges"):
        arrows = edge["arrows"]
        assert isinstance(arrows, dict)
        ends = [
            "-" if not end["enabled"] else ">" if end["type"] == "arrow" else "o"
            for end in map(arrows.get, ("from", "to"))
        ]
        drawn[edge["from"], edge["to"]] = ends
        if "o" in ends:
            source = next(end["src"] for end in arrows.values() if end.get("type") == "image")
            assert source.startswith("data:image/svg+xml")
    assert drawn == {(e.a, e.b): [str(e.mark_a), str(e.mark_b)] for e in GRAPH.edges()}


def test_every_kind_of_edge_has_its_colour_and_its_words() -> None:
    assert set(CAUSAL_EDGES) == set(MEANINGS)
    edges_of = {
        edge_kind(edge)
        for text in ("<->", "-->", "<--", "o->", "<-o", "o-o", "o--", "--o", "---")
        for edge in Pag.parse(2, [f"0 {text} 1"]).edges()
    }
    assert edges_of == set(CAUSAL_EDGES)
    page = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH))
    for edge in data_of(page, "edges"):
        color = edge["color"]
        assert isinstance(color, dict)
        kind = next(edge_kind(e) for e in GRAPH.edges() if (e.a, e.b) == (edge["from"], edge["to"]))
        assert color["color"] == CAUSAL_EDGES[kind]
    assert "latent confounder" in page


def test_image_tokens_are_their_patches_and_words_are_words() -> None:
    page = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH))
    shapes = {node["id"]: node["shape"] for node in data_of(page, "nodes")}
    assert shapes == {0: "box", 1: "image", 2: "box", 3: "image", 4: "box", 5: "image"}


def test_edges_of_the_explanation_stand_out() -> None:
    page = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH), radius=2)
    strong = {(edge["from"], edge["to"]) for edge in data_of(page, "edges") if edge["width"] == 2.5}
    assert strong == {(4, 5), (3, 4), (2, 5)}


def test_physics_is_off_and_every_node_has_its_place() -> None:
    page = pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH))
    assert re.search(r'"physics": \{\s*"enabled": false', page)
    places = radial(explain_node(GRAPH, 5)).places
    assert {node["id"]: (node["x"], node["y"]) for node in data_of(page, "nodes")} == places


def test_nodes_that_do_not_fit_the_graph_are_refused() -> None:
    with pytest.raises(ValueError, match="one drawn node"):
        pag_page(GRAPH, explain_node(GRAPH, 5), nodes(GRAPH)[:3])


def test_an_isolated_target_is_said_on_the_page() -> None:
    graph = Pag.parse(3, ["0 o-> 1"])
    assert "Nothing is connected" in pag_page(graph, explain_node(graph, 2), nodes(graph))


@given(st.integers(0, 10_000), st.integers(1, 64), st.floats(0.0, 0.2))
def test_no_two_nodes_overlap_and_each_stands_at_its_distance(seed: int, size: int, density: float) -> None:
    chance = np.random.default_rng(seed)
    pairs = [pair for pair in combinations(range(size), 2) if chance.random() < density]
    graph = Pag.parse(size, [f"{a} <-> {b}" for a, b in pairs])
    explanation = explain_node(graph, size - 1)
    layout = radial(explanation)
    assert set(layout.places) == set(range(size))
    spots = np.array(list(layout.places.values()))
    apart = np.linalg.norm(spots[:, None] - spots[None], axis=-1) + 1e9 * np.eye(size)
    assert apart.min() >= ROOM - 1e-6
    for node in explanation.tree.nodes:
        ring = layout.rings[explanation.tree.distance[node] - 1]
        assert math.hypot(*layout.places[node]) == pytest.approx(ring)
    assert layout.reach < 3000


def test_a_patch_outside_the_picture_is_grey_and_inside_it_is_itself() -> None:
    picture = Image.new("RGB", (20, 20), "#ff0000")
    assert patch_image(picture, (4, 4, 9, 9)).getpixel((20, 20)) == (255, 0, 0)
    assert patch_image(picture, (40, 40, 60, 60)).getpixel((5, 5)) == (128, 144, 160)
    half = patch_image(picture, (10, 0, 30, 20))
    assert half.getpixel((2, 20)) == (255, 0, 0)
    assert half.getpixel((37, 20)) == (128, 144, 160)
    assert patch_image(picture, (3.2, 3.2, 3.4, 3.4)).size == half.size
