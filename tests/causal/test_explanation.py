"""Rules, trees and explanation sets on graphs small enough to work out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.causal.explanation import explain_node
from core.causal.orientation import _Rules, orient
from core.causal.pag import Mark, Pag, bits
from core.causal.pds import TooManySubsets, pds_tree
from tests.causal import literal


def drawn(graph: Pag) -> list[str]:
    return [f"{edge.a} {edge} {edge.b}" for edge in graph.edges()]


def test_edges_are_read_as_they_are_drawn() -> None:
    edges = ["0 --> 1", "0 <-> 2", "1 o-> 2", "1 o-o 3", "2 <-- 3", "0 --- 3"]
    graph = Pag.parse(4, edges)
    assert sorted(drawn(graph)) == sorted(edges)
    assert (graph.mark(1, 0), graph.mark(0, 1), graph.mark(2, 0)) == (Mark.ARROW, Mark.TAIL, Mark.ARROW)
    assert graph.mark(1, 3) is Mark.CIRCLE
    assert Pag.parse(2, ["1 --> 0"]).edges()[0].mark_a is Mark.ARROW


@pytest.mark.parametrize("text", ["0 -> 1", "0 --> 0", "0 --> 9", "0 >-- 1", "a --> b"])
def test_what_is_no_edge_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="edge"):
        Pag.parse(3, [text])


def test_more_than_sixty_four_nodes_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 64"):
        Pag(65)


def test_a_tree_goes_on_through_colliders_and_triangles_and_walks_each_edge_once() -> None:
    """From 4 over 3 to 2 (3 is a collider), not over 3 to 1 (it is none); over 2 to 0 (a collider) and to 1 (a triangle
    with 3), and from there back to 3 by an edge not walked before."""
    graph = Pag.parse(5, ["3 <-> 4", "2 <-> 3", "3 --> 1", "0 --> 2", "2 --> 1"])
    tree = pds_tree(graph, 4)
    assert [(branch.node, branch.depth) for branch in tree.branches] == [(3, 1), (2, 2), (0, 3), (1, 3), (3, 4)]


def test_a_tree_ends_where_there_is_neither_collider_nor_triangle() -> None:
    assert pds_tree(Pag.parse(4, ["2 o-> 3", "1 o-o 2", "0 o-> 2"]), 3).nodes == (2,)
    assert pds_tree(Pag.parse(4, ["2 <-> 3", "1 o-> 2", "0 --- 2"]), 3).nodes == (1, 2)
    assert pds_tree(Pag.parse(4, ["2 o-> 3", "1 o-o 2", "1 o-> 3"]), 3).nodes == (1, 2)


def test_explanation_sets_grow_with_the_search_distance() -> None:
    graph = Pag.parse(
        6, [*["4 <-> 5", "3 o-> 4", "2 <-> 3", "3 <-> 4", "1 o-> 3"][:1], "3 <-> 4", "1 o-> 3", "2 o-> 5"]
    )
    explanation = explain_node(graph, 5)
    assert list(explanation.radii) == [1, 2, 3]
    assert [explanation.within(radius) for radius in explanation.radii] == [(2, 4), (2, 3, 4), (1, 2, 3, 4)]
    assert explanation.parents == {2: 5, 4: 5, 3: 4, 1: 3}
    assert not explanation.isolated


def test_candidates_come_by_size_then_by_distance_and_only_where_they_hang_together() -> None:
    graph = Pag.parse(6, ["4 <-> 5", "3 <-> 4", "1 o-> 3", "2 o-> 5"])
    in_order = list(explain_node(graph, 5).candidates(3))
    assert in_order == [(2,), (4,), (2, 4), (3, 4), (2, 3, 4), (1, 3, 4), (1, 2, 3, 4)]
    assert list(explain_node(graph, 5).candidates(2)) == [(2,), (4,), (2, 4), (3, 4), (2, 3, 4)]
    assert list(explain_node(graph, 5).candidates(1)) == [(2,), (4,), (2, 4)]


def test_an_isolated_target_has_an_empty_explanation() -> None:
    explanation = explain_node(Pag.parse(3, ["0 o-> 1"]), 2)
    assert explanation.isolated
    assert (list(explanation.radii), explanation.within(3), list(explanation.candidates(3))) == ([], (), [])
    assert not explanation.nearly_all(1)


def test_nearly_everything_is_no_explanation() -> None:
    explanation = explain_node(Pag.complete(50), 49)
    assert len(explanation.within(1)) == 49
    assert explanation.nearly_all(1)


def test_too_many_subsets_are_not_listed() -> None:
    with pytest.raises(TooManySubsets):
        pds_tree(Pag.complete(64), 63, 1).subsets(8)


def graphs(size: int) -> st.SearchStrategy[Pag]:
    pairs = [(a, b) for a in range(size) for b in range(a + 1, size)]
    kinds = st.sampled_from(["", "o-o", "o->", "-->", "<->", "<--", "<-o"])

    def build(chosen: list[str]) -> Pag:
        return Pag.parse(size, [f"{a} {kind} {b}" for (a, b), kind in zip(pairs, chosen, strict=True) if kind])

    return st.lists(kinds, min_size=len(pairs), max_size=len(pairs)).map(build)


def as_literal(graph: Pag) -> literal.Graph:
    twin = literal.Graph(graph.size)
    twin.mark = graph.marks().tolist()
    return twin


@given(graphs(6), st.integers(1, 3), st.integers(1, 3))
def test_trees_and_subsets_are_the_literal_ones(graph: Pag, depth: int, size: int) -> None:
    ours, theirs = pds_tree(graph, 5, depth), literal.tree_of(as_literal(graph), 5, depth, range(6))
    assert set(ours.nodes) == theirs.nodes()
    assert all(ours.distance[node] == theirs.distance(node) for node in ours.nodes)
    subsets = ours.subsets(size)
    subsets_of = [(set(row), int(far)) for row, far in zip(subsets.nodes.tolist(), subsets.distances, strict=True)]
    assert subsets_of == theirs.subsets(size)


@given(graphs(6))
def test_possible_ancestors_are_the_literal_ones(graph: Pag) -> None:
    twin = as_literal(graph)
    for node, mask in enumerate(graph.possible_ancestors()):
        others = [a for a in range(6) if a != node]
        assert {a for a in bits(mask) if a != node} == {a for a in others if twin.may_be_ancestor(a, node)}


@given(graphs(7), st.lists(st.integers(0, 127), min_size=21, max_size=21), st.booleans())
def test_any_skeleton_and_separators_are_oriented_as_by_the_literal_rules(
    graph: Pag, masks: list[int], ordered: bool
) -> None:
    """Contradicting separators too: there the order in which rules are applied decides."""
    pairs = [(a, b) for a in range(7) for b in range(a + 1, 7)]
    separators = {
        pair: mask & ~(1 << pair[0] | 1 << pair[1])
        for pair, mask in zip(pairs, masks, strict=True)
        if not graph.connected(*pair)
    }
    twin = as_literal(graph)
    literal.orient(twin, {frozenset(p): set(bits(m)) for p, m in separators.items()}, ordered, not ordered, True)
    orient(graph, separators, ordered=ordered)
    assert graph.marks().tolist() == twin.mark


def test_rule_ten_asks_for_possibly_directed_paths() -> None:
    """0 o-> 5, 3 --> 5 <-- 4, and uncovered paths 0, 1, 3 and 0, 2, 4 whose first nodes are apart. With 1 o-> 3 they
    are possibly directed and 0 causes 5; with an arrowhead back at 1 the path is none and nothing follows."""
    edges = ["0 o-> 5", "3 --> 5", "4 --> 5", "0 o-> 1", "0 o-> 2", "2 o-> 4"]
    for into, tail in (("1 o-> 3", True), ("1 <-> 3", False)):
        graph = Pag.parse(6, [*edges, into])
        assert _Rules(graph, {}).r10() is tail
        assert (graph.mark(0, 5) is Mark.TAIL) is tail


def test_contradictions_are_named() -> None:
    assert Pag.parse(3, ["0 --> 1", "1 --> 2"]).violations() == ()
    assert len(Pag.parse(3, ["0 --> 1", "1 --> 2", "2 --> 0"]).violations()) >= 3
    assert "0 does not cause 2" in Pag.parse(3, ["0 --> 1", "1 --> 2", "0 <-> 2"]).violations()[0]
