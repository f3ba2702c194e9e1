"""The mechanisms that come with Sightline give what the functions of their room do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.answer import Answer, Target, TokenKind
from core.mechanisms.ablation import ablation_curves
from core.mechanisms.attention_knockout import ways
from core.mechanisms.attribution import attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.corruption import Noise
from core.mechanisms.groups import groups
from core.mechanisms.knockout import knockout_curves
from core.mechanisms.lens import lens
from core.mechanisms.logprob_increase import head_increases, source_increases, top_heads
from core.mechanisms.registry import mechanisms
from core.mechanisms.results import Curves, HeadValues, LayerTexts, LayerValues, PositionValues
from core.mechanisms.run import Measurement, measure
from core.mechanisms.tracing import trace
from core.vlm.cancel import CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of
from tests.eager import sampled

TARGET = Target((1, 2))


@pytest.fixture
def answer(llava: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(llava, "the dog?", picture, tokens=4)


def measured(model: TransformersModel, answer: Answer, key: str, **settings: Any) -> Measurement:
    mechanism = mechanisms()[key]
    return measure(mechanism, model, answer, TARGET, mechanism.Settings(**settings))


def test_heads_have_their_increase_and_the_first_ones_a_map(llava: TransformersModel, answer: Answer) -> None:
    heads, taken = measured(llava, answer, "head_contributions", first=2).result.shapes
    assert isinstance(heads, HeadValues) and isinstance(taken, PositionValues)
    written = contributions(llava, answer, token_targets_of(answer, TARGET))
    increases = head_increases(llava, written).mean(0)
    np.testing.assert_allclose(heads.values, increases, atol=1e-6)
    expected = source_increases(llava, written, top_heads(increases, 2)).mean(0).sum(0)
    np.testing.assert_allclose(taken.values, expected, atol=1e-6)


def test_attribution_comes_with_its_shares_by_layer(llava: TransformersModel, answer: Answer) -> None:
    shapes = measured(llava, answer, "head_contributions", by="Direct logit attribution").result.shapes
    heads, by_layer = shapes[0], shapes[2]
    assert isinstance(heads, HeadValues) and isinstance(by_layer, Curves) and heads.unit == "logit"
    shares = attribute(llava, contributions(llava, answer, token_targets_of(answer, TARGET)))
    np.testing.assert_allclose(heads.values, shares.heads.mean(0), atol=1e-6)
    np.testing.assert_allclose(by_layer.curves[1].values, shares.mlps.mean(0), atol=1e-6)


def test_the_lens_reads_words_or_image_tokens(llava: TransformersModel, answer: Answer) -> None:
    texts, probability = measured(llava, answer, "logit_lens", positions="image tokens", layers=(1,)).result.shapes
    assert isinstance(texts, LayerTexts) and isinstance(probability, LayerValues)
    images = answer.layout.positions(TokenKind.IMAGE)
    assert [place.positions for place in texts.places] == [(position,) for position in images]
    expected = lens(llava, answer, images, [1], words=[answer.tokens[1].id])
    assert [word.id for word in texts.readings[0][0]] == expected.ids[0, 0].tolist()
    np.testing.assert_allclose(probability.values, expected.word_logprobs[..., 0].exp(), atol=1e-6)


def test_cuts_are_of_the_chosen_groups_alone(llava: TransformersModel, answer: Answer) -> None:
    (curves,) = measured(llava, answer, "attention_knockout", source="image", window=2).result.shapes
    assert isinstance(curves, Curves)
    (curve,) = curves.curves
    cut = ways(llava, answer, token_targets_of(answer, TARGET))["image → last"]
    expected = knockout_curves(llava, answer, TARGET, [cut], 2)
    assert curve.name == "image → last" and list(curve.at) == [0.5, 1.5]
    np.testing.assert_allclose(curve.values, expected.change[0], atol=1e-6)


def test_a_window_larger_than_the_model_is_all_of_it(llava: TransformersModel, answer: Answer) -> None:
    (curves,) = measured(llava, answer, "attention_knockout", window=200).result.shapes
    assert isinstance(curves, Curves) and all(list(curve.at) == [1.0] for curve in curves.curves)


def test_a_ranking_is_beside_random_heads(llava: TransformersModel, answer: Answer) -> None:
    (shape,) = measured(llava, answer, "head_ablation", draws=3).result.shapes
    assert isinstance(shape, Curves)
    ranked, random = shape.curves
    increases = head_increases(llava, contributions(llava, answer, token_targets_of(answer, TARGET))).mean(0)
    expected = ablation_curves(llava, answer, TARGET, {"x": top_heads(increases, 12)}, [1, 2, 4], draws=3)
    np.testing.assert_allclose(ranked.values, expected.ranked["x"] - expected.before.logprob, atol=1e-6)
    assert random.control and random.low is not None and random.high is not None
    np.testing.assert_allclose(random.low, (expected.random - expected.before.logprob).min(0), atol=1e-6)
    assert (random.low <= random.values).all() and (random.values <= random.high).all()


def test_a_trace_restores_groups_or_single_tokens(llava: TransformersModel, answer: Answer) -> None:
    traced = measured(llava, answer, "causal_tracing", samples=2)
    (table,) = traced.result.shapes
    assert isinstance(table, LayerValues) and table.spread is not None
    places = {group.name: group for group in groups(answer, token_targets_of(answer, TARGET)) if group.positions}
    noise = Noise(answer.layout.positions(TokenKind.IMAGE), 3.0, 2)
    expected = trace(llava, answer, TARGET, noise, list(places.values()))
    by_name = dict(zip((place.name for place in table.places), table.values.T, strict=True))
    assert list(by_name)[-1] == "last"
    for place, values in zip(expected.places, expected.indirect[:, 0].mean(0).T, strict=True):
        np.testing.assert_allclose(by_name[place.name], values, atol=1e-6)
    assert f"total effect {expected.total.mean():.3f} ± " in traced.result.remark
    (single,) = measured(llava, answer, "causal_tracing", samples=1, at="token by token").result.shapes
    assert isinstance(single, LayerValues) and single.spread is None
    assert {len(place.positions) for place in single.places[2:-1]} == {1}


def test_a_trace_tells_effects_on_the_probability_as_in_the_paper(llava: TransformersModel, answer: Answer) -> None:
    (table,) = measured(llava, answer, "causal_tracing", samples=2, effect="probability").result.shapes
    assert isinstance(table, LayerValues) and table.unit == "probability" and "on the probability" in table.title
    noise = Noise(answer.layout.positions(TokenKind.IMAGE), 3.0, 2)
    expected = trace(llava, answer, TARGET, noise, list(table.places))
    restored, corrupted = np.exp(expected.logprob[:, 0]), np.exp(expected.corrupted_logprob)
    np.testing.assert_allclose(table.values, (restored - corrupted[:, None, None]).mean(0), atol=1e-6)


def test_another_picture_corrupts_too(llava: TransformersModel, answer: Answer) -> None:
    blank, blurred = (
        measured(llava, answer, "causal_tracing", corrupt=corrupt).result
        for corrupt in ("a blank picture", "the picture, blurred")
    )
    assert "±" not in blank.remark and blank.remark != blurred.remark


def test_a_stopped_trace_keeps_what_is_done(
    llava: TransformersModel, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.perturb.outcomes.AT_ONCE", 2)
    cancel = CancelToken()
    result = measure(
        mechanisms()["causal_tracing"], llava, answer, TARGET, cancel=cancel, progress=lambda done: cancel.cancel()
    ).result
    (table,) = result.shapes
    assert 0 < result.complete < 1 and isinstance(table, LayerValues)
    assert np.isfinite(table.values).any() and np.isnan(table.values).any()
