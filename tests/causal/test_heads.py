"""All heads' explanations and a sample's: what is masked, how often, and what it says of all heads."""

from __future__ import annotations

import pytest
from PIL import Image

from core.answer import Answer, Decoding, Question, TokenKind
from core.causal.discovery import causal_graphs
from core.causal.explanation_test import Masking, attention_set, image_positions, random_sets
from core.causal.heads import HeadsSummary, HeadsTest, heads_tests, sample_of_heads
from core.causal.rates import FlipRates, flip_rates
from core.causal.settings import GraphSettings
from core.perturb.perturbation import HiddenTokens, Perturbation
from core.vlm.generation import ask
from core.vlm.model import VisionLanguageModel
from tests.cases.test_flips import flips

DENSE = GraphSettings(image_tokens=8, text_tokens=0, alpha=0.2, sample_size=400, largest_set=1)
TOKEN, RADIUS = 2, 2


@pytest.fixture
def answer(model: VisionLanguageModel, picture: Image.Image) -> Answer:
    return ask(model, Question("Is the the door red?", (picture,), decoding=Decoding(max_new_tokens=5)))


def test_heads_share_random_sets_and_no_set_is_masked_twice(
    model: VisionLanguageModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Perturbation] = []
    edits = HiddenTokens.edits

    def counted(self: HiddenTokens, *given: object) -> object:
        asked.append(self)
        return edits(self, *given)  # type: ignore[arg-type]

    wanted = sample_of_heads(range(3), 4, 3)
    with monkeypatch.context() as patched:
        patched.setattr(HiddenTokens, "edits", counted)
        tests = list(heads_tests(model, answer, TOKEN, wanted, DENSE, RADIUS, Masking(), randoms=3))
    assert [(test.layer, tuple(graph.head for graph in test.graphs)) for test in tests] == list(wanted.items())
    named: set[tuple[int, ...]] = set()
    drawn: dict[int, list[tuple[int, ...]]] = {}
    for test in tests:
        for flip in test.rates.flips:
            graph = test.graph(flip.head)
            named |= {image_positions(graph, graph.explanation.within(RADIUS)), attention_set(graph, flip.size)}
            drawn[flip.size] = random_sets(answer, graph, flip.size, 3, shared=True)
    named |= {positions for sets in drawn.values() for positions in sets}
    assert len(drawn) > 1 and len(asked) == len(set(asked)) == len(named)
    for test in tests:
        graphs = causal_graphs(model, answer, test.layer, [(TOKEN, head) for head in wanted[test.layer]], DENSE)
        alone = flip_rates(model, [(answer, graph) for graph in graphs], RADIUS, randoms=3, shared=True)
        for flip, other in zip(test.rates.flips, alone.flips, strict=True):
            assert (flip.head, flip.size) == (other.head, other.size)
            assert flip.explanation.change == pytest.approx(other.explanation.change, abs=1e-4)
            assert flip.beyond_random == pytest.approx(other.beyond_random, abs=1e-4)


def test_shared_random_sets_are_of_a_token_and_a_size(model: VisionLanguageModel, answer: Answer) -> None:
    one, other, later = (
        *causal_graphs(model, answer, 1, [(2, 0), (2, 3)], DENSE),
        *causal_graphs(model, answer, 1, [(3, 0)], DENSE),
    )
    sets = random_sets(answer, one, 3, 5, shared=True)
    assert sets == random_sets(answer, other, 3, 5, shared=True) != random_sets(answer, later, 3, 5, shared=True)
    assert random_sets(answer, one, 3, 5) != random_sets(answer, other, 3, 5)
    images = set(answer.layout.positions(TokenKind.IMAGE))
    assert all(len(set(positions)) == 3 and set(positions) <= images for positions in sets)


def test_a_sample_has_as_many_heads_of_each_layer_and_grows_by_adding() -> None:
    small, large = sample_of_heads(range(32), 32, 6), sample_of_heads(range(32), 32, 12)
    assert [len(heads) for heads in small.values()] == [6] * 32
    assert all(set(small[layer]) < set(large[layer]) for layer in small)
    assert small == sample_of_heads(range(32), 32, 6) != sample_of_heads(range(32), 32, 6, seed=1)
    assert len(set(small.values())) == 32, "another draw in each layer"
    assert sample_of_heads([1, 3], 4, 9) == {1: (0, 1, 2, 3), 3: (0, 1, 2, 3)}


def test_what_is_said_of_all_heads_is_an_interval_and_of_tested_ones_a_share() -> None:
    def tested(layer: int, found: FlipRates, heads: int) -> HeadsTest:
        return HeadsTest(layer, (None,) * heads, found)  # type: ignore[arg-type]

    tests = (tested(0, flips(1, [True, False, False]), 4), tested(1, flips(1, [False]), 4))
    sample = HeadsSummary(tests, 64)
    # Wilson's interval of 1 of 8, as published tables have it.
    assert sample.sentence == (
        "8 of 64 heads were tested, drawn at random, as many of each layer. Masking the explanation changes the token "
        "for 1 (12.5%; of all heads 95% [2.2%, 47.1%]), as many of the most attended patches for 0, random sets in "
        "50.0%. 4 had no patch to mask or nearly all, and count as not changing it."
    )
    assert HeadsSummary(tests, 8).sentence.startswith(
        "All 8 heads were tested. Masking the explanation changes the token for 1 (12.5%), as many"
    )
    nothing = HeadsSummary((tested(0, flips(1, []), 4),), 4).sentence
    assert nothing == (
        "All 4 heads were tested. Masking the explanation changes the token for 0 (0.0%). 4 had no patch to mask or "
        "nearly all, and count as not changing it."
    )
