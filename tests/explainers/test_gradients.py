"""Grad-CAM, input x gradient and integrated gradients against autograd through a whole eager network and loops."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.answer import Answer, Target, TokenKind
from core.errors import NotApplicable
from core.explainers._completeness import completeness
from core.explainers.grad_cam import OWN, GradCam, GradCamSettings
from core.explainers.input_gradient import InputGradient
from core.explainers.integrated_gradients import IntegratedGradients, IntegratedGradientsSettings
from core.explainers.one_step_gradient import OneStepGradient, OneStepGradientSettings
from core.explainers.run import explain
from core.vlm.hf.network import TransformersModel
from core.vlm.layer_gradient import gradients_of
from core.vlm.loading import ModelSpec, load_model
from tests.eager import eager_logits_from, eager_network, eager_states_and_gradient, sampled
from tests.zoo import load, save_deepstack, save_llava

RIVAL = 40


def answers(model: TransformersModel, picture: Image.Image) -> list[Answer]:
    return [
        sampled(model, "the the dog the dog?", picture, tokens=4),
        sampled(model, "Is it?", picture, picture.resize((60, 90)), tokens=1),
    ]


def targets(answer: Answer) -> list[Target]:
    """Every token, and the last one against a rival."""
    last = len(answer.tokens) - 1
    return [*(Target((index,)) for index in range(last + 1)), Target((last,), (RIVAL,))]


def parts(answer: Answer, target: Target) -> tuple[int, int, int | None]:
    (index,) = target.tokens
    return index, answer.token_ids[index], target.rivals[0] if target.rivals else None


@pytest.mark.parametrize(("depth", "layer"), [(0.0, 0), (0.5, 1), (1.0, 2)])
def test_grad_cam_is_its_two_equations(
    model: TransformersModel, picture: Image.Image, depth: float, layer: int
) -> None:
    for answer in answers(model, picture):
        places = answer.layout.positions(TokenKind.IMAGE)
        explanations = explain(GradCam(), model, answer, targets(answer), GradCamSettings(depth=depth))
        for target, explanation in zip(targets(answer), explanations, strict=True):
            states, gradient = eager_states_and_gradient(model, answer, layer, *parts(answer, target))
            expected = torch.zeros(len(answer.layout), dtype=torch.float64)
            weights = [sum(gradient[place, k] for place in places) / len(places) for k in range(states.shape[1])]
            for place in places:
                value = sum(weight * states[place, k] for k, weight in enumerate(weights))
                expected[place] = max(float(value), 0.0)
            torch.testing.assert_close(explanation.scores, expected.float(), atol=1e-5, rtol=1e-3)


def test_grad_cam_weighs_features_by_each_places_own_gradient_where_that_is_asked_for(
    model: TransformersModel, picture: Image.Image
) -> None:
    (answer, *_) = answers(model, picture)
    (target, *_) = targets(answer)
    (explanation,) = explain(GradCam(), model, answer, [target], GradCamSettings(weights=OWN))
    states, gradient = eager_states_and_gradient(model, answer, 1, *parts(answer, target))
    for place in answer.layout.positions(TokenKind.IMAGE):
        value = sum(float(gradient[place, k] * states[place, k]) for k in range(states.shape[1]))
        assert float(explanation.scores[place]) == pytest.approx(max(value, 0.0), abs=1e-5, rel=1e-3)


def check_input_gradient(model: TransformersModel, answer: Answer) -> None:
    explanations = explain(InputGradient(), model, answer, targets(answer))
    for target, explanation in zip(targets(answer), explanations, strict=True):
        embeddings, gradient = eager_states_and_gradient(model, answer, 0, *parts(answer, target))
        torch.testing.assert_close(explanation.scores, (embeddings * gradient).sum(-1).float(), atol=1e-5, rtol=1e-3)


def test_input_gradient_is_that_of_the_whole_network(model: TransformersModel, picture: Image.Image) -> None:
    for answer in [*answers(model, picture), sampled(model, "Only the the words", tokens=3)]:
        check_input_gradient(model, answer)


def test_input_gradient_under_a_sliding_window(tmp_path: Path, picture: Image.Image) -> None:
    folder = save_llava(tmp_path, model_type="mistral", num_key_value_heads=2, sliding_window=8)
    model = load(folder)
    check_input_gradient(model, sampled(model, "the the dog?", picture, tokens=3))


def test_half_precision_loses_nothing_on_the_way(llava: TransformersModel, picture: Image.Image) -> None:
    """Gradients of a millionth of a logit lie below what float16 can hold."""
    half = load_model(ModelSpec(llava.card.source, dtype="float16", device="cpu"))
    assert isinstance(half, TransformersModel)
    with torch.no_grad():
        half.network.lm_head.weight.mul_(1e-3)
        half.network.get_decoder().norm.weight.mul_(1e-3)
    answer = sampled(half, "the the dog the dog?", picture, tokens=2)
    (map_,) = explain(InputGradient(), half, answer, [Target((1,))])
    embeddings, gradient = eager_states_and_gradient(llava, answer, 0, 1, answer.token_ids[1])
    expected = (embeddings * gradient).sum(-1).float() * 1e-6
    assert float(torch.cosine_similarity(map_.scores, expected, 0)) > 0.999
    assert float(map_.scores.norm() / expected.norm()) == pytest.approx(1, abs=0.03)


def baseline_of(embeddings: torch.Tensor, places: list[int], baseline: str) -> torch.Tensor:
    begin = embeddings.clone()
    begin[places] = 0.0 if baseline == "zero" else embeddings[places].mean(0)
    return begin


@pytest.mark.parametrize("baseline", ["mean", "zero"])
def test_integrated_gradients_are_a_riemann_sum(model: TransformersModel, picture: Image.Image, baseline: str) -> None:
    steps = 5
    for answer in answers(model, picture):
        places = list(answer.layout.positions(TokenKind.IMAGE))
        settings = IntegratedGradientsSettings(steps=steps, baseline=baseline)
        target = targets(answer)[-1]
        index, token, rival = parts(answer, target)
        (map_,) = explain(IntegratedGradients(), model, answer, [target], settings)
        embeddings, _ = eager_states_and_gradient(model, answer, 0, index, token, rival)
        begin = baseline_of(embeddings, places, baseline)
        total = torch.zeros_like(embeddings)
        for step in range(steps):
            there = (begin + (step + 0.5) / steps * (embeddings - begin)).requires_grad_(True)
            logits = eager_logits_from(model, answer, 0, lambda _, there=there: there)
            row = logits[len(answer.prompt_tokens) + index - 1]
            assert rival is not None
            (gradient,) = torch.autograd.grad(row[token] - row[rival], there)
            total += gradient / steps
        expected = ((embeddings - begin) * total).sum(-1)
        torch.testing.assert_close(map_.scores, expected.float(), atol=1e-5, rtol=1e-3)


def gradient_on_the_way(
    model: TransformersModel, answer: Answer, target: Target, baseline: str, place: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """In double precision: the whole way [position hidden], and the gradient of the target's logit at a place on it."""
    index, token, rival = parts(answer, target)
    embeddings, _ = eager_states_and_gradient(model, answer, 0, index, token, rival)
    way = embeddings - baseline_of(embeddings, list(answer.layout.positions(TokenKind.IMAGE)), baseline)
    there = (embeddings - (1 - place) * way).requires_grad_(True)
    row = eager_logits_from(model, answer, 0, lambda _: there)[len(answer.prompt_tokens) + index - 1]
    wanted = row[token] if rival is None else row[token] - row[rival]
    return way, torch.autograd.grad(wanted, there)[0]


@pytest.mark.parametrize(("baseline", "place"), [("mean", None), ("zero", 0.8)])
def test_one_step_is_the_gradient_at_its_place_times_the_whole_way(
    model: TransformersModel, picture: Image.Image, baseline: str, place: float | None
) -> None:
    settings = OneStepGradientSettings(baseline=baseline) if place is None else OneStepGradientSettings(place, baseline)
    for answer in answers(model, picture):
        chosen = targets(answer)[-2:]
        for target, map_ in zip(chosen, explain(OneStepGradient(), model, answer, chosen, settings), strict=True):
            way, gradient = gradient_on_the_way(model, answer, target, baseline, settings.place)
            assert gradient.dtype == torch.float64 and float((way * gradient).abs().max()) > 0
            torch.testing.assert_close(map_.scores, (way * gradient).sum(-1).float(), atol=1e-5, rtol=1e-3)
            assert map_.remark is None, "one gradient promises no sum"


def test_one_step_in_the_middle_is_integrated_gradients_with_one(
    llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    (one,) = explain(OneStepGradient(), llava, answer, [Target((1,))], OneStepGradientSettings(place=0.5))
    (same,) = explain(IntegratedGradients(), llava, answer, [Target((1,))], IntegratedGradientsSettings(steps=1))
    assert torch.equal(one.scores, same.scores)


def test_integrated_gradients_add_up_to_what_the_picture_adds(model: TransformersModel, picture: Image.Image) -> None:
    """Completeness, and an error that falls with the steps."""
    answer = sampled(model, "the the dog the dog?", picture, tokens=2)
    places = list(answer.layout.positions(TokenKind.IMAGE))
    row, token = len(answer.prompt_tokens), answer.token_ids[1]
    embeddings, _ = eager_states_and_gradient(model, answer, 0, 1, token)
    begin = baseline_of(embeddings, places, "mean")
    whole, nothing = (eager_logits_from(model, answer, 0, change) for change in (lambda x: x, lambda _: begin))
    gains = whole[row] - nothing[row]
    rival = int(gains.argmin())
    gain = float(gains[token] - gains[rival])
    assert gain > 0.05
    errors = []
    for steps in (4, 32):
        settings = IntegratedGradientsSettings(steps=steps)
        (map_,) = explain(IntegratedGradients(), model, answer, [Target((1,), (rival,))], settings)
        errors.append(abs(float(map_.scores.sum()) - gain))
        assert f"add up to {float(map_.scores.sum()):.2f}, and the logit gains {gain:.2f} over" in (map_.remark or "")
    assert errors[1] < 0.02 * gain
    assert errors[1] < errors[0]


def test_what_is_missing_of_a_gain_is_a_warning_beyond_a_twentieth() -> None:
    assert completeness(9.5, 10.0).startswith("Complete but for 5.0%")
    assert completeness(7.42, 9.20).startswith("Not complete: the scores add up to 7.42, and the logit gains 9.20")
    assert "so 19% is not told by this map" in completeness(7.42, 9.20)
    assert completeness(-11.0, -10.0).startswith("Not complete") and "mean logit" in completeness(1.0, 1.0, True)
    assert "nothing to share out" in completeness(0.3, 0.001)


def test_each_target_is_told_its_own_gain(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "the dog?", picture, tokens=2)
    one, other, both = explain(IntegratedGradients(), llava, answer, [Target((0,)), Target((1,)), Target((0, 1))])
    assert one.remark != other.remark and "mean logit" in (both.remark or "")
    assert f"add up to {float(both.scores.sum()):.2f}" in (both.remark or "")


@pytest.mark.parametrize("baseline", ["mean", "zero"])
def test_what_a_network_adds_between_layers_goes_the_same_way(
    tmp_path: Path, picture: Image.Image, baseline: str
) -> None:
    """In double precision, of a network that adds visual features after its first layers: what enters at the image
    tokens is moved where it enters, and the gradients are those of a whole eager pass."""
    model = load(save_deepstack(tmp_path))
    answer = sampled(model, "the the dog?", picture, tokens=2)
    assert not model.checkpointed(answer).chained
    places = list(answer.layout.positions(TokenKind.IMAGE))
    layers = eager_network(model.card.source).get_decoder().layers
    given, left = list[torch.Tensor](), list[torch.Tensor]()
    hooks = [layer.register_forward_pre_hook(_keeping(given), with_kwargs=True) for layer in layers]
    hooks += [layer.register_forward_hook(lambda _, args, output: left.append(_states(output)[0])) for layer in layers]
    eager_logits_from(model, answer, 0, lambda states: states)
    for hook in hooks:
        hook.remove()
    entering = [given[0], *(after - before for before, after in zip(left, given[1:], strict=False))]
    ways = [states - baseline_of(states, places, baseline) for states in entering]
    moved = [number for number, way in enumerate(ways) if float(way.abs().max()) > 1e-9]
    assert len(moved) > 1, "it adds something"
    leaves = {number: (-(1 - 0.4) * ways[number]).requires_grad_(True) for number in moved}
    hooks = [layers[number].register_forward_pre_hook(_adding(leaves[number]), with_kwargs=True) for number in moved]
    logits = eager_logits_from(model, answer, 0, lambda states: states)
    for hook in hooks:
        hook.remove()
    gradients = torch.autograd.grad(logits[len(answer.prompt_tokens)][answer.token_ids[1]], list(leaves.values()))
    expected = sum((ways[number] * gradient).sum(-1) for number, gradient in zip(moved, gradients, strict=True))
    settings = OneStepGradientSettings(0.4, baseline)
    (map_,) = explain(OneStepGradient(), model, answer, [Target((1,))], settings)
    assert isinstance(expected, torch.Tensor)
    torch.testing.assert_close(map_.scores, expected.float(), atol=1e-5, rtol=1e-3)
    (whole,) = explain(IntegratedGradients(), model, answer, [Target((1,))], IntegratedGradientsSettings(64, baseline))
    assert "Complete but for" in (whole.remark or "")


def _states(output: Any) -> torch.Tensor:
    states: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return states.detach()


def _keeping(given: list[torch.Tensor]) -> Any:
    def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given.append((args[0] if args else kwargs["hidden_states"])[0].detach())

    return before


def _adding(change: torch.Tensor) -> Any:
    def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (args[0] + change[None], *args[1:]), kwargs

    return before


def test_a_network_that_adds_elsewhere_than_at_the_picture_has_no_integrated_gradients(
    llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = sampled(llava, "Where?", picture, tokens=1)
    checkpointed = llava.checkpointed

    def elsewhere(answer: Answer) -> object:
        made = checkpointed(answer)
        made.final = made.final + 1
        made._layer_inputs.chained = False
        return made

    monkeypatch.setattr(llava, "checkpointed", elsewhere)
    with pytest.raises(NotApplicable, match="between layers"):
        explain(IntegratedGradients(), llava, answer, [Target((0,))])


class _OneByOne(torch.autograd.Function):
    """The double of a number, whose backward pass fails with some words where it is given several gradients."""

    said = ""

    @staticmethod
    def forward(ctx: Any, given: torch.Tensor) -> torch.Tensor:
        return 2 * given

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        if torch._C._functorch.is_legacy_batchedtensor(gradient):
            raise RuntimeError(_OneByOne.said)
        return 2 * gradient


def test_only_what_cannot_be_gone_through_together_is_gone_through_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given, several = torch.ones(3, requires_grad=True), torch.arange(6.0).view(2, 3)
    monkeypatch.setattr(_OneByOne, "said", "Batching rule not implemented for aten::twice")
    (pulled,) = gradients_of([_OneByOne.apply(given)], [given], [several])
    assert pulled is not None and torch.equal(pulled, 2 * several)
    for fault in ("The size of tensor a (3) must match the size of tensor b (2)", "CUDA error: an illegal address"):
        monkeypatch.setattr(_OneByOne, "said", fault)
        with pytest.raises(RuntimeError, match=re.escape(fault)):
            gradients_of([_OneByOne.apply(given)], [given], [several])
