"""How long graphs and their tests take is told in passes that are made, or in more."""

from __future__ import annotations

import pytest
from PIL import Image

from core.causal.costs import MASKED, explanation_expected, graphs_expected, heads_expected, masked_share
from core.causal.discovery import causal_graph, causal_graphs
from core.causal.explanation_test import Masking, explanation_test
from core.causal.heads import heads_tests
from core.causal.settings import GraphSettings
from core.vlm.hf.network import TransformersModel
from core.vlm.pace import GRAPH, MASKED_HEADS, Pace, Took
from core.vlm.pass_costs import share_after_images
from tests.eager import sampled
from tests.vlm.counted import counting

DENSE = GraphSettings(image_tokens=8, text_tokens=4, alpha=0.2, sample_size=400, largest_set=1)


def test_graphs_cost_a_pass_and_each_layer_again(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "the dog the dog and the other dog?", picture, tokens=3)
    monkeypatch.setattr(llava, "pace", Pace(llava.card.layers, llava.card.hidden))
    llava.pace.note_pass(len(answer.layout), Took(1.0))
    before = graphs_expected(llava, answer, {1: [0, 1]})
    with counting(llava, answer) as counted:
        causal_graphs(llava, answer, 1, [(2, 0), (2, 1)])
    # (the pass, or the layer, may be at hand from the answer)
    assert before.passes.forward == pytest.approx(counted.forward, abs=0.4)
    # Learning is known from then on, and is no pass.
    each = llava.pace.seconds(GRAPH, 1)
    after = graphs_expected(llava, answer, {1: [0, 1]})
    assert each is not None and before.seconds is not None and after.passes == before.passes
    # (the pass itself took less than was noted)
    assert after.seconds is not None and after.seconds >= 2 * each


@pytest.mark.parametrize("mode", ["reader", "pixels"])
def test_the_test_of_an_explanation_makes_no_more_passes_than_it_says(
    mode: str, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog the dog and the other dog?", picture, tokens=3)
    graph, masking = causal_graph(llava, answer, 2, 1, 0, DENSE), Masking(mode)  # type: ignore[arg-type]
    told = explanation_expected(llava, answer, graph, 2, masking, cap=32).passes
    with counting(llava, answer) as counted:
        explanation_test(llava, answer, graph, 2, masking, cap=32)
    assert counted.forward <= told.forward + 1


@pytest.mark.parametrize("mode", ["reader", "pixels"])
def test_the_tests_of_heads_make_no_more_passes_than_they_say(
    mode: str, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog the dog and the other dog?", picture, tokens=3)
    wanted, masking = {layer: range(4) for layer in range(3)}, Masking(mode)  # type: ignore[arg-type]
    told = heads_expected(llava, answer, wanted, masking).passes
    with counting(llava, answer) as counted:
        list(heads_tests(llava, answer, 2, wanted, DENSE, 1, masking))
    assert counted.forward <= told.forward


def test_the_share_of_heads_that_are_masked_is_that_of_the_model_at_hand(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, wanted = sampled(llava, "the dog the dog and the other dog?", picture, tokens=3), {1: range(4), 2: range(4)}
    monkeypatch.setattr(llava, "pace", Pace(3, 32))
    assert masked_share(llava) == pytest.approx(MASKED)
    # It is known as soon as the first layer's graphs are, while the others are still to come.
    first = next(heads_tests(llava, answer, 2, wanted, DENSE, 1, Masking()))
    masked, heads = llava.pace.counted(MASKED_HEADS)
    assert heads == 4 and masked == len(first.rates.flips)
    for share in (0.0, 1.0):
        monkeypatch.setattr(llava, "pace", Pace(3, 32))
        llava.pace.count(MASKED_HEADS, round(share * 600), 600)
        assert masked_share(llava) == pytest.approx(share, abs=0.01)
        sets = 2 * masked_share(llava) * 8 + 5 * min(8, masked_share(llava) * 8)
        told = heads_expected(llava, answer, wanted, Masking()).passes
        learning = graphs_expected(llava, answer, wanted).passes
        assert told.forward - learning.forward == pytest.approx((2 + sets) * share_after_images(answer))
