"""Learned graphs against exact worlds, causal-learn's FCI, and the literal algorithm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.causal import pds
from core.causal.correlation import regularised, row_correlation
from core.causal.fci import learn_fci
from core.causal.icd import learn_ordered, learn_unordered
from core.causal.independence import FisherZ
from core.causal.pag import Mark, bits
from core.causal.search import Learned, Limits, Search
from core.vlm.cancel import Cancelled, CancelToken
from tests.causal import literal
from tests.causal.worlds import EXACT, World, attention, world

ROOT = Path(__file__).resolve().parents[2]


def correlation_of(seed: int, nodes: int) -> np.ndarray:
    return regularised(row_correlation(attention(seed, nodes)))[0]


def the_same(learned: Learned, graph: literal.Graph, apart: literal.Apart, counts: list[int]) -> None:
    assert np.array_equal(learned.graph.marks(), graph.mark)
    for pair, given_nodes in apart.items():
        a, b = sorted(pair)
        assert set(learned.separators[a, b]) == given_nodes
    assert [count for count in counts if count] == [count for count in learned.tests if count]


SETTINGS = [(128, 1e-5), (768, 1e-2), (128, 1e-2), (40, 0.05)]


@pytest.mark.parametrize("seed", range(24))
def test_ordered_icd_is_the_literal_algorithm_down_to_the_tests(seed: int) -> None:
    correlation, settings = correlation_of(seed, 5 + seed % 8), SETTINGS[seed % 4]
    test = literal.Test(correlation, *settings)
    the_same(learn_ordered(correlation, FisherZ(*settings)), *literal.ordered_icd(test), test.counts)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("bias", [True, False])
def test_unordered_icd_is_the_literal_algorithm_down_to_the_tests(seed: int, bias: bool) -> None:
    correlation, settings = correlation_of(seed, 4 + seed % 6), SETTINGS[seed % 4]
    test = literal.Test(correlation, *settings)
    learned = learn_unordered(correlation, FisherZ(*settings), selection_bias=bias)
    the_same(learned, *literal.icd(test, bias), test.counts)


WORLDS = [world(seed, 5 + seed % 4, 1 + seed % 3, 0.25 + 0.1 * (seed % 3)) for seed in range(40)]


@pytest.mark.parametrize("number", range(len(WORLDS)))
def test_on_exact_correlations_skeletons_equal_fci_and_every_mark_is_true(number: int) -> None:
    seen = WORLDS[number]
    plain, ordered = learn_unordered(seen.correlation, EXACT), learn_ordered(seen.correlation, EXACT)
    reference = learn_fci(seen.correlation, EXACT)
    assert plain.graph.adjacent == reference.graph.adjacent
    assert ordered.graph.adjacent == reference.graph.adjacent
    for learned in (plain, ordered):
        assert learned.complete
        assert learned.graph.violations() == ()
        marks_are_true(learned, seen)
    for edge in plain.graph.edges():
        for at, other in ((edge.a, edge.b), (edge.b, edge.a)):
            ours, theirs = plain.graph.mark(at, other), reference.graph.mark(at, other)
            if ours != theirs:
                # Ours is true (above); theirs says nothing, or what is false.
                assert theirs is Mark.CIRCLE or (theirs is Mark.TAIL) != seen.causes[at, other]


def marks_are_true(learned: Learned, seen: World) -> None:
    for edge in learned.graph.edges():
        for at, other, mark in ((edge.a, edge.b, edge.mark_a), (edge.b, edge.a, edge.mark_b)):
            assert mark is Mark.CIRCLE or (mark is Mark.TAIL) == bool(seen.causes[at, other])


def test_a_known_latent_confounder_stays_bidirected_under_the_order() -> None:
    """0 -> 2 <- (unseen) -> 3 <- 1: the order alone would have drawn 2 o-> 3 or 2 --> 3."""
    effects = np.zeros((5, 5))
    effects[2, 0] = effects[3, 1] = 0.9
    effects[2, 4] = effects[3, 4] = 1.1
    total = np.linalg.inv(np.eye(5) - effects)
    covariance = (total @ total.T)[:4, :4]
    scale = np.sqrt(np.diag(covariance))
    learned = learn_ordered(covariance / np.outer(scale, scale), EXACT)
    assert [str(edge) for edge in learned.graph.edges()] == ["o->", "o->", "<->"]
    assert learned.graph.mark(2, 3) is Mark.ARROW
    assert learned.graph.mark(3, 2) is Mark.ARROW


def test_the_order_forbids_later_causes_and_leaves_the_rest_open() -> None:
    """A chain 0 -> 1 -> 2 says o-o without an order, and o-> then --> with it."""
    correlation = np.array([[1, 0.6, 0.3], [0.6, 1, 0.5], [0.3, 0.5, 1]])
    assert [str(edge) for edge in learn_unordered(correlation, EXACT).graph.edges()] == ["o-o", "o-o"]
    assert [str(edge) for edge in learn_ordered(correlation, EXACT).graph.edges()] == ["o->", "-->"]


@given(st.integers(0, 10_000), st.integers(0, 10), st.sampled_from(SETTINGS))
def test_whatever_comes_in_the_graph_is_well_formed(seed: int, nodes: int, settings: tuple[int, float]) -> None:
    correlation = correlation_of(seed, nodes) if nodes else np.zeros((0, 0))
    for learned in (learn_ordered(correlation, FisherZ(*settings)), learn_unordered(correlation, FisherZ(*settings))):
        graph = learned.graph
        for node in range(nodes):
            assert not graph.connected(node, node)
            assert graph.arrows[node] | graph.circles[node] | graph.tails[node] == graph.adjacent[node]
            masks = (graph.arrows[node], graph.circles[node], graph.tails[node])
            assert sum(mask.bit_count() for mask in masks) == graph.adjacent[node].bit_count()
            assert all(graph.connected(other, node) for other in bits(graph.adjacent[node]))
        pairs = {(a, b) for a in range(nodes) for b in range(a + 1, nodes)}
        assert pairs - set(learned.separators) == {(edge.a, edge.b) for edge in graph.edges()}


@given(st.integers(0, 10_000), st.integers(2, 10), st.sampled_from(SETTINGS))
def test_no_later_node_ever_causes_an_earlier(seed: int, nodes: int, settings: tuple[int, float]) -> None:
    graph = learn_ordered(correlation_of(seed, nodes), FisherZ(*settings)).graph
    assert all(edge.mark_b is Mark.ARROW for edge in graph.edges())
    assert all(ancestor < node for node, mask in enumerate(graph.possible_ancestors()) for ancestor in bits(mask))


def described() -> str:
    """What three searches find, as text."""
    correlation, test = correlation_of(19, 12), FisherZ(768, 1e-2)
    graphs = [learn(correlation, test) for learn in (learn_ordered, learn_unordered, learn_fci)]
    return repr(
        [([(e.a, str(e), e.b) for e in one.graph.edges()], list(one.separators.items()), one.tests) for one in graphs]
    )


def test_the_same_graph_comes_out_under_another_hash_seed() -> None:
    """This process hashes by a seed of its own, drawn at its start."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "4711"}
    script = "from tests.causal.test_icd import described; print(described(), end='')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == described()
    assert "o->" in done.stdout


def test_out_of_time_it_goes_back_to_its_last_whole_round(monkeypatch: pytest.MonkeyPatch) -> None:
    correlation, test = correlation_of(19, 12), FisherZ(768, 1e-2)
    limited = learn_ordered(correlation, test, Limits(largest_set=2))
    whole = learn_ordered(correlation, test)
    assert whole.reached > 2
    assert limited.stop == "size"
    seconds = iter([0.0] * 10_000)
    sizes: list[int] = []
    tested = Search.round

    def noted(search: Search, size: int) -> bool:
        sizes.append(size)
        return tested(search, size)

    def clock() -> float:
        return 100.0 if sizes and sizes[-1] == 3 else next(seconds)

    monkeypatch.setattr(Search, "round", noted)
    monkeypatch.setattr("core.causal.search.time.perf_counter", clock)
    stopped = learn_ordered(correlation, test, Limits(seconds=50))
    assert stopped.stop == "time"
    assert stopped.reached == 2
    assert stopped.graph == limited.graph
    assert stopped.tests == limited.tests
    assert "up to size 2 were tested" in stopped.sentence


def test_too_many_subsets_end_the_search_as_honestly(monkeypatch: pytest.MonkeyPatch) -> None:
    correlation, test = correlation_of(19, 12), FisherZ(768, 1e-2)
    monkeypatch.setattr(pds, "MOST_SUBSETS", 1)
    learned = learn_ordered(correlation, test)
    assert (learned.stop, learned.reached) == ("subsets", 1)


def test_a_small_sample_bounds_the_conditioning_sets() -> None:
    learned = learn_ordered(correlation_of(19, 12), FisherZ(6, 0.9))
    assert learned.reached <= 2
    assert len(learned.tests) <= 3


@pytest.mark.parametrize("learn", [learn_ordered, learn_unordered, learn_fci])
def test_a_cancelled_search_raises(learn: object) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        learn(correlation_of(0, 8), FisherZ(128, 1e-2), Limits(cancel=cancel))  # type: ignore[operator]
