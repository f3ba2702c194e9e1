"""Which edges graphs of different answers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind
from core.causal.common import identities, shared_edges, turned
from core.causal.discovery import CausalGraph, causal_graph
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel


@pytest.fixture(scope="module")
def question() -> Question:
    noise = np.random.default_rng(0).integers(0, 256, (168, 168, 3), dtype=np.uint8)
    return Question("Is the the door red?", (Image.fromarray(noise),), decoding=Decoding(max_new_tokens=3))


def graphs_of(model: TransformersModel, questions: Sequence[Question], head: int) -> list[tuple[CausalGraph, Answer]]:
    answers = [ask(model, question) for question in questions]
    return [(causal_graph(model, answer, 0, model.card.layers - 1, head), answer) for answer in answers]


def test_a_graph_has_all_of_its_edges_in_common_with_itself(llava: TransformersModel, question: Question) -> None:
    [(graph, answer)] = graphs_of(llava, [question], 0)
    edges = shared_edges([(graph, answer), (graph, answer)])
    assert len(edges) == len(graph.learned.graph.edges()) > 0
    assert all(set(edge.in_graphs) == {0, 1} and len(set(edge.in_graphs.values())) == 1 for edge in edges)


def test_edges_are_counted_as_a_literal_comparison_counts_them(llava: TransformersModel, question: Question) -> None:
    both = graphs_of(llava, [question, replace(question, text=f"{question.text} Really?")], 1)
    literal = []
    for graph, answer in both:
        named = identities(graph, answer)
        literal.append({frozenset((named[edge.a], named[edge.b])) for edge in graph.learned.graph.edges()})
    edges = shared_edges(both)
    assert {frozenset(edge.nodes) for edge in edges} == literal[0] | literal[1]
    assert {frozenset(edge.nodes) for edge in edges if len(edge.in_graphs) == 2} == literal[0] & literal[1]


def test_every_node_stands_for_one_thing(llava: TransformersModel, question: Question) -> None:
    [(graph, answer)] = graphs_of(llava, [question], 0)
    named = identities(graph, answer)
    assert len(set(named)) == len(graph.nodes) and named[graph.target] == ("target",)
    assert all(named[n][0] == "picture" for n, node in enumerate(graph.nodes) if node.kind is TokenKind.IMAGE)


def test_a_patch_of_a_finer_raster_is_another_place(
    llava: TransformersModel, question: Question, qwen: TransformersModel
) -> None:
    both = [graphs_of(model, [question], 0)[0] for model in (llava, qwen)]
    named = [{one for one in identities(*each) if one[0] == "picture"} for each in both]
    places = [{one[-2:] for one in each} for each in named]
    assert places[0] & places[1] and not named[0] & named[1]


def test_an_edge_is_turned_with_its_marks() -> None:
    assert [turned(edge) for edge in ("-->", "<->", "o->", "o-o", "---")] == ["<--", "<->", "<-o", "o-o", "---"]
