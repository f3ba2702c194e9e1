"""What holds for every method, of both families: shape, targets, contrasts, obstacles, stopping, memory."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Target
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.explainers.integrated_gradients import IntegratedGradientsSettings
from core.explainers.occlusion_superpixels import OcclusionSuperpixelsSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of, whole_answer
from tests.eager import sampled
from tests.hooks import hooks_of

KEYS = sorted(explainers())
SETTINGS = {
    "integrated_gradients": IntegratedGradientsSettings(steps=4),
    "occlusion_superpixels": OcclusionSuperpixelsSettings(segments=8),
}
"""Where the defaults would take a while."""

RIVAL = 40
IMAGES_ONLY = {
    "attention_times_tower",
    "centre_bias",
    "grad_cam",
    "integrated_gradients",
    "occlusion_pixels",
    "occlusion_superpixels",
    "relative_attention",
    "token_activation_map",
}
CONTROLS = {"random", "centre_bias"}


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(model, "the dog the dog?", picture, tokens=4)


@pytest.mark.parametrize("key", KEYS)
def test_every_target_has_finite_scores_of_full_length(key: str, model: TransformersModel, answer: Answer) -> None:
    method = explainers()[key]
    targets = [Target((2,)), Target((0, 1)), whole_answer(answer)]
    if method.contrasts:
        targets += [Target((2,), (RIVAL,)), Target((0, 1), (RIVAL, RIVAL + 1))]
    found = explain(method, model, answer, targets, SETTINGS.get(key))
    for target, explanation in zip(targets, found, strict=True):
        assert explanation.scores.shape == (len(answer.layout),)
        assert explanation.scores.dtype == torch.float32 and explanation.scores.device.type == "cpu"
        assert bool(explanation.scores.isfinite().all()) and float(explanation.scores.abs().max()) > 0
        assert method.signed or float(explanation.scores.min()) >= 0
        # Nothing rests on what was said later.
        after = len(answer.prompt_tokens) + max(target.tokens)
        assert float(explanation.scores[after:].abs().max()) == 0
        assert explanation.complete == 1 and explanation.method == key
    (alone,) = explain(method, model, answer, [Target((2,))], SETTINGS.get(key))
    torch.testing.assert_close(alone.scores, found[0].scores, atol=1e-5, rtol=1e-3)
    if method.contrasts and key not in CONTROLS:
        assert float((found[3].scores - found[0].scores).abs().max()) > 1e-5


@pytest.mark.parametrize("key", [key for key in KEYS if not explainers()[key].contrasts])
def test_a_method_that_knows_no_words_refuses_a_contrast(
    key: str, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "Where?", picture, tokens=2)
    with pytest.raises(NotApplicable, match="has no contrast"):
        explain(explainers()[key], llava, answer, [Target((0,), (RIVAL,))])


@pytest.mark.parametrize("key", KEYS)
def test_without_a_picture_a_method_works_or_says_what_to_do(key: str, llava: TransformersModel) -> None:
    answer, method = sampled(llava, "Only words", tokens=2), explainers()[key]
    if key in IMAGES_ONLY:
        with pytest.raises(NotApplicable, match=r"no picture.*Ask about a picture, or choose"):
            explain(method, llava, answer, [Target((1,))])
    else:
        (found,) = explain(method, llava, answer, [Target((1,))], SETTINGS.get(key))
        assert found.scores.shape == (len(answer.layout),) and bool(found.scores.isfinite().all())


@pytest.mark.parametrize("key", sorted(IMAGES_ONLY & {"centre_bias", "token_activation_map", "attention_times_tower"}))
def test_without_places_a_method_that_needs_them_says_what_to_do(
    key: str, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "Where?", picture, tokens=1)
    unplaced = replace(answer, layout=replace(answer.layout, views=()))
    with pytest.raises(NotApplicable, match=r"not known.*Choose"):
        explain(explainers()[key], llava, unplaced, [Target((0,))])


@pytest.mark.parametrize("key", KEYS)
def test_maps_are_of_the_raw_model_whatever_the_decoding_was(
    key: str, llava: TransformersModel, picture: Image.Image
) -> None:
    answer = sampled(llava, "the dog the dog?", picture, tokens=2)
    cold = replace(answer, question=replace(answer.question, decoding=Decoding(temperature=0.3, top_p=0.5)))
    first, second = (
        explain(explainers()[key], llava, one, [Target((1,))], SETTINGS.get(key))[0] for one in (answer, cold)
    )
    torch.testing.assert_close(first.scores, second.scores, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("key", KEYS)
def test_a_stop_leaves_the_model_as_it_was(key: str, model: TransformersModel, answer: Answer) -> None:
    before, hooks = model.replay_logits(answer), hooks_of(model)
    cancel = CancelToken()
    cancel.cancel()
    method = explainers()[key]
    try:
        found = explain(method, model, answer, [whole_answer(answer)], SETTINGS.get(key), cancel=cancel)
    except Cancelled:
        pass
    else:
        assert found[0].complete == 1 or method.keeps_partial
    assert torch.equal(model.replay_logits(answer), before)
    parameters = list(model.network.parameters())
    assert all(parameter.grad is None for parameter in parameters)
    assert all(parameter.requires_grad for parameter in parameters)
    # (transformers leaves some of its own)
    assert hooks_of(model) == hooks


@pytest.mark.parametrize("key", KEYS)
def test_too_little_memory_is_refused_with_a_figure_and_a_remedy(
    key: str, llava: TransformersModel, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, method = sampled(llava, "Where?", picture, tokens=2), explainers()[key]
    needed = method.estimate(llava, answer, token_targets_of(answer, whole_answer(answer)), method.Settings())
    if key in CONTROLS:
        assert needed == 0
        return
    assert needed > 0
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: needed - 1)
    with pytest.raises(NotEnoughMemory, match=r"needs about [\d.]+ [MG]B .* (Explain fewer|choose|use)"):
        explain(method, llava, answer, [whole_answer(answer)])


def test_an_answer_of_another_model_is_refused(llava: TransformersModel, picture: Image.Image) -> None:
    answer = replace(sampled(llava, "Where?", picture, tokens=1), model="another")
    with pytest.raises(OtherModel, match="another model"):
        explain(explainers()["raw_attention"], llava, answer, [Target((0,))])


def test_a_running_method_hears_a_stop_between_its_steps(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Where?", picture, tokens=2)
    cancel = CancelToken()
    began = time.perf_counter()
    with pytest.raises(Cancelled, match="Integrated gradients was stopped"):
        explain(
            explainers()["integrated_gradients"],
            llava,
            answer,
            [whole_answer(answer)],
            IntegratedGradientsSettings(steps=512),
            cancel=cancel,
            progress=lambda done: cancel.cancel() if done > 0 else None,
        )
    assert time.perf_counter() - began < 30
