"""Layers without attention keep their numbers, and are shown as what they are: nothing is made up for them, and what
methods say of the other layers is what it would be without them beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.answer import Answer
from core.attention.measures import measured, ranked
from core.attention.rows import answer_rows
from core.attention.sinks import find_sinks
from core.causal.discovery import causal_graphs
from core.errors import CausalError, NotApplicable, UnknownName
from core.explainers.raw_attention import RawAttention, RawAttentionSettings
from core.explainers.relevancy import Relevancy, RelevancySettings
from core.explainers.rollout import Rollout
from core.explainers.run import explain
from core.mechanisms.ablation import ablation_curves, head_means
from core.mechanisms.attribution import attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.corruption import Noise
from core.mechanisms.groups import groups
from core.mechanisms.knockout import Cut, knockout_curves
from core.mechanisms.logprob_increase import head_increases, top_heads
from core.mechanisms.tracing import trace
from core.vlm.edits import HeadAblation, Knockout, Site
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of, whole_answer
from tests import literal
from tests.eager import eager_attentions, sampled
from tests.zoo import load
from tests.zoo_hybrid import LAYERS, WITH_ATTENTION, save_convolutional, save_qwen3_5

WITHOUT = tuple(layer for layer in range(len(LAYERS)) if layer not in WITH_ATTENTION)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_convolutional(tmp_path_factory.mktemp("convolutional"))


@pytest.fixture(scope="module")
def hybrid(folder: Path) -> TransformersModel:
    """Attention in layers 1 and 4, convolutions in layers 0, 2 and 3."""
    return load(folder)


@pytest.fixture(scope="module")
def answer(hybrid: TransformersModel) -> Answer:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8))
    return sampled(hybrid, "Where is it?", picture, tokens=4)


def test_recorded_and_replayed_rows_stand_at_the_networks_own_numbers(
    hybrid: TransformersModel, answer: Answer
) -> None:
    assert (hybrid.card.without_attention, hybrid.card.attention_layers) == (WITHOUT, WITH_ATTENTION)
    assert answer.attention is not None
    weights, first = answer.attention.weights, len(answer.prompt_tokens) - 1
    replayed = hybrid.attention_rows(answer, range(first, first + 4))
    assert weights.shape[0] == len(LAYERS)
    assert weights[list(WITHOUT)].isnan().all() and replayed[list(WITHOUT)].isnan().all()
    for layer, whole in zip(WITH_ATTENTION, eager_attentions(hybrid, answer), strict=True):
        rows = whole[:, first : first + 4].float()
        torch.testing.assert_close(weights[layer], rows, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(replayed[layer], rows, atol=1e-5, rtol=1e-4)


def test_recurrent_layers_keep_their_numbers_too(tmp_path: Path, picture: Image.Image) -> None:
    model = load(save_qwen3_5(tmp_path))
    given = sampled(model, "Where?", picture, tokens=2)
    assert model.card.without_attention == WITHOUT and given.attention is not None
    known = ~given.attention.weights.isnan().flatten(1).any(1)
    assert known.nonzero()[:, 0].tolist() == list(WITH_ATTENTION)


def test_figures_of_heads_are_of_layers_that_have_heads(answer: Answer) -> None:
    figures = measured(answer_rows(answer, range(4)), answer.layout, "image")
    assert np.isnan(figures[list(WITHOUT)]).all() and np.isfinite(figures[list(WITH_ATTENTION)]).all()
    assert {layer for (layer, _), _ in ranked(figures, 99)} == set(WITH_ATTENTION)
    assert np.isfinite([sink.weight for sink in find_sinks(answer).all]).all()
    assert np.isfinite(answer_rows(answer, range(4)).mean()).all()


def test_attention_maps_are_of_the_layers_that_have_it_and_say_so(hybrid: TransformersModel, answer: Answer) -> None:
    target = whole_answer(answer)
    (every,) = explain(RawAttention(), hybrid, answer, [target])
    (own,) = explain(RawAttention(), hybrid, answer, [target], RawAttentionSettings(layers=WITH_ATTENTION))
    torch.testing.assert_close(every.scores, own.scores)
    assert every.remark is not None and "Without attention: layers 0, 2, 3" in every.remark and own.remark is None
    with pytest.raises(NotApplicable, match="Choose among the layers 1, 4"):
        explain(RawAttention(), hybrid, answer, [target], RawAttentionSettings(layers=(0, 2)))


def test_relevancy_is_that_of_the_literal_rule_with_identity_where_there_is_no_attention(
    hybrid: TransformersModel, folder: Path, answer: Answer
) -> None:
    target, whole = whole_answer(answer), literal.whole_pass(literal.network_of(folder), answer)
    (explanation,) = explain(Relevancy(), hybrid, answer, [target], RelevancySettings(through_tower=False))
    maps = [literal.relevancy(whole, answer, one) for one in token_targets_of(answer, target)]
    torch.testing.assert_close(explanation.scores.double(), torch.stack(maps).mean(0), atol=1e-6, rtol=1e-3)
    (rollout,) = explain(Rollout(), hybrid, answer, [target])
    for one in (explanation, rollout):
        assert one.remark is not None and "passes through it as it is" in one.remark


def test_a_layer_without_attention_has_no_graph(hybrid: TransformersModel, answer: Answer) -> None:
    with pytest.raises(CausalError, match=r"Layer 2 of this model has no attention.* layers 1, 4"):
        causal_graphs(hybrid, answer, 2, [(0, 0)])
    assert causal_graphs(hybrid, answer, 4, [(0, 0)])[0].layer == 4


def test_heads_that_are_not_there_cannot_be_taken_away(hybrid: TransformersModel, answer: Answer) -> None:
    for edit in (HeadAblation(((0, 1),)), Knockout((40,), (2,), frozenset({2, 3}))):
        with pytest.raises(UnknownName, match=r"no attention.*layers 1, 4"):
            hybrid.logits_with(answer, [(edit,)])
    means = head_means(hybrid, [answer])
    assert means[list(WITHOUT)].isnan().all() and means[list(WITH_ATTENTION)].isfinite().all()
    curves = ablation_curves(hybrid, answer, whole_answer(answer), {}, [8], draws=2)
    assert np.isfinite(curves.random).all()


def test_shares_of_the_logit_still_sum_to_it(hybrid: TransformersModel, answer: Answer) -> None:
    written = contributions(hybrid, answer, token_targets_of(answer, whole_answer(answer)))
    shares = attribute(hybrid, written)
    assert shares.heads[:, list(WITHOUT)].isnan().all()
    total = shares.heads.nansum((1, 2)) + shares.mlps.sum(1) + shares.embedding + shares.other
    torch.testing.assert_close(total, shares.logit, atol=1e-4, rtol=1e-4)
    increases = head_increases(hybrid, written)
    assert increases[:, list(WITHOUT)].isnan().all()
    best = top_heads(increases[0], 99)
    assert len(best) == 8 and {layer for layer, _ in best} == set(WITH_ATTENTION)


def test_nothing_is_cut_or_restored_where_there_is_no_attention(hybrid: TransformersModel, answer: Answer) -> None:
    target = whole_answer(answer)
    image, *_, last = [group for group in groups(answer, token_targets_of(answer, target)) if group.positions]
    curves = knockout_curves(hybrid, answer, target, [Cut(last, image)], 1)
    assert np.isfinite(curves.change[0]).nonzero()[0].tolist() == list(WITH_ATTENTION) and curves.complete == 1
    traced = trace(hybrid, answer, target, Noise(image.positions, samples=1), [last], (Site.ATTENTION, Site.OUTPUT))
    assert np.isfinite(traced.logprob[0, 0, :, 0]).nonzero()[0].tolist() == list(WITH_ATTENTION)
    assert np.isfinite(traced.logprob[0, 1]).all() and traced.complete == 1
