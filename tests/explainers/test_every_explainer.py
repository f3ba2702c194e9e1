"""What holds for every method, of both families: shape, targets, contrasts, obstacles, stopping, memory."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.answer import Answer, Decoding, Target
from core.errors import NotApplicable, NotEnoughMemory, OtherModel
from core.explainers.greedy_regions import GreedyRegionsSettings
from core.explainers.integrated_gradients import IntegratedGradientsSettings
from core.explainers.occlusion_superpixels import OcclusionSuperpixelsSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.explainers.shapley import ShapleySettings
from core.vlm.cancel import Cancelled, CancelToken
from core.vlm.hf.network import TransformersModel
from core.vlm.targets import token_targets_of, whole_answer
from tests.eager import sampled
from tests.hooks import hooks_of

ROOT = Path(__file__).resolve().parents[2]
KEYS = sorted(explainers())
SETTINGS = {
    "greedy_regions": GreedyRegionsSettings(segments=6, compactness=100.0, most=2),
    "integrated_gradients": IntegratedGradientsSettings(steps=4),
    "shapley": ShapleySettings(segments=6, compactness=100.0, pairs=2),
    "occlusion_superpixels": OcclusionSuperpixelsSettings(segments=8),
}
"""Where the defaults would take a while."""

RIVAL = 40


@pytest.fixture
def answer(model: TransformersModel, picture: Image.Image) -> Answer:
    return sampled(model, "the dog the dog?", picture, tokens=4)


@pytest.mark.parametrize("key", KEYS)
def test_every_target_has_finite_scores_of_full_length(key: str, model: TransformersModel, answer: Answer) -> None:
    method = explainers()[key]
    targets = [Target((2,)), Target((0, 1)), whole_answer(answer)]
    if method.contrasts:
        targets += [Target((2,), (RIVAL,)), Target((0, 1), (RIVAL, RIVAL + 1))]
    explanations = explain(method, model, answer, targets, SETTINGS.get(key))
    for target, explanation in zip(targets, explanations, strict=True):
        assert explanation.scores.shape == (len(answer.layout),)
        assert explanation.scores.dtype == torch.float32 and explanation.scores.device.type == "cpu"
        assert bool(explanation.scores.isfinite().all()) and float(explanation.scores.abs().max()) > 0
        assert method.signed or float(explanation.scores.min()) >= 0
        # Nothing rests on what was said later.
        after = len(answer.prompt_tokens) + max(target.tokens)
        assert float(explanation.scores[after:].abs().max()) == 0
        assert explanation.complete == 1 and explanation.method == key
    (alone,) = explain(method, model, answer, [Target((2,))], SETTINGS.get(key))
    torch.testing.assert_close(alone.scores, explanations[0].scores, atol=1e-5, rtol=1e-3)
    if method.contrasts and not method.control:
        assert float((explanations[3].scores - explanations[0].scores).abs().max()) > 1e-5


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
    if method.needs != "nothing":
        with pytest.raises(NotApplicable, match=r"no picture.*Ask about a picture, or choose"):
            explain(method, llava, answer, [Target((1,))])
    else:
        (explanation,) = explain(method, llava, answer, [Target((1,))], SETTINGS.get(key))
        assert explanation.scores.shape == (len(answer.layout),) and bool(explanation.scores.isfinite().all())


@pytest.mark.parametrize("key", [key for key in KEYS if explainers()[key].needs == "places"])
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
        (explanation,) = explain(method, model, answer, [whole_answer(answer)], SETTINGS.get(key), cancel=cancel)
    except Cancelled:
        pass
    else:
        assert explanation.complete == 1 or method.keeps_partial
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
    if method.control:
        assert needed == 0
        return
    assert needed > 0
    monkeypatch.setattr("core.vlm.memory_costs.available_bytes", lambda _: needed - 1)
    with pytest.raises(NotEnoughMemory, match=r"needs about [\d.]+ [kMG]B .* (Explain fewer|choose|use)"):
        explain(method, llava, answer, [whole_answer(answer)])


def test_an_answer_of_another_model_is_refused(llava: TransformersModel, picture: Image.Image) -> None:
    answer = replace(sampled(llava, "Where?", picture, tokens=1), model="another")
    with pytest.raises(OtherModel, match="another model"):
        explain(explainers()["raw_attention"], llava, answer, [Target((0,))])


def test_a_running_method_hears_a_stop_after_each_layer(llava: TransformersModel, picture: Image.Image) -> None:
    answer = sampled(llava, "Where?", picture, tokens=2)
    cancel, told = CancelToken(), list[float]()

    def progress(done: float) -> None:
        told.append(done)
        if done > 0:
            cancel.cancel()

    with pytest.raises(Cancelled, match="Integrated gradients was stopped"):
        explain(
            explainers()["integrated_gradients"],
            llava,
            answer,
            [whole_answer(answer)],
            IntegratedGradientsSettings(steps=512),
            cancel=cancel,
            progress=progress,
        )
    # Each of 512 steps goes up and down all layers.
    assert max(told) == pytest.approx(1 / (512 * 2 * llava.card.layers))


OF_IMAGES = '''
"""How large what the decoder leaves at image tokens is."""

from core.explainers._places import image_positions
from core.explainers.base import Explainer, Step
from core.vlm.memory_costs import checkpoint_bytes

import torch


class ImageNorms(Explainer):
    """The length of the decoder's last state at each image token, whatever the answer says."""

    key = "image_norms"
    name = "Norms of image tokens"
    caveat = "It knows nothing of the answer."
    needs = "image"
    contrasts = False

    def estimate(self, model, answer, token_targets, settings):
        return checkpoint_bytes(model, answer)

    def scores(self, model, answer, token_targets, settings):
        positions = image_positions(answer)
        scores = torch.zeros(len(token_targets), len(answer.layout))
        scores[:, positions] = model.checkpointed(answer).final[positions].float().norm(dim=-1).cpu()
        yield Step(1.0, scores)
'''
WITH_IT = """
import sys, pytest, core.explainers
core.explainers.__path__.append(sys.argv[1])
sys.exit(pytest.main(sys.argv[2:]))
"""


def test_a_new_file_of_a_method_for_pictures_passes_all_of_these_tests(tmp_path: Path) -> None:
    (tmp_path / "image_norms.py").write_text(OF_IMAGES)
    command = [sys.executable, "-c", WITH_IT, str(tmp_path), "-n0", __file__, "-k", "image_norms"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
