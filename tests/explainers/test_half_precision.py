"""Gradients in half precision: what a layer makes too large or too small for it is scaled, and where nothing helps,
that is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.answer import Decoding, Question, Target
from core.errors import NotApplicable
from core.explainers.integrated_gradients import IntegratedGradientsSettings
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.vlm import layer_gradient
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model

TARGET = Target((1,))
SETTINGS = {"integrated_gradients": IntegratedGradientsSettings(steps=4)}
BY_GRADIENTS = [
    "relevancy",
    "suffix_relevancy",
    "grad_cam",
    "input_gradient",
    "integrated_gradients",
    "one_step_gradient",
]


def loaded(folder: Path, sharp: bool) -> tuple[TransformersModel, TransformersModel]:
    """A model in half precision and in single; `sharp`: within its second layer a gradient grows to more than float16
    holds, and shrinks again."""
    spec = ModelSpec(str(folder), device="cpu")
    half, single = (load_model(replace(spec, dtype=dtype)) for dtype in ("float16", "float32"))
    assert isinstance(half, TransformersModel) and isinstance(single, TransformersModel)
    for model in (half, single) if sharp else ():
        mlp = model.network.get_decoder().layers[1].mlp
        mlp.register_forward_hook(lambda module, args, output: output / 2**17 * 2**17)
    return half, single


def scores(key: str, half: TransformersModel, single: TransformersModel, picture: Image.Image) -> list[torch.Tensor]:
    """The map of one answer in half precision and in single."""
    answer = ask(single, Question("the the dog?", (picture,), decoding=Decoding(max_new_tokens=3)))
    same = replace(answer, model=half.card.fingerprint, inputs=dict(half.prepare(answer.question).inputs))
    asked = ((half, same), (single, answer))
    return [explain(explainers()[key], *each, [TARGET], SETTINGS.get(key))[0].scores for each in asked]


@pytest.mark.parametrize(
    ("key", "sharp"), [*((key, False) for key in BY_GRADIENTS), ("relevancy", True), ("input_gradient", True)]
)
def test_gradients_in_half_precision_are_those_of_single(
    key: str, sharp: bool, qwen_folder: Path, picture: Image.Image
) -> None:
    # A logit's gradient with respect to one number among thousands is often below what float16 can hold.
    in_half, right = scores(key, *loaded(qwen_folder, sharp), picture)
    assert float((in_half - right).norm() / right.norm()) < 0.05


def test_gradients_that_overflow_in_any_case_are_refused_in_a_sentence(
    qwen_folder: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = loaded(qwen_folder, sharp=True)
    monkeypatch.setattr(layer_gradient, "FACTORS", (1.0,))
    with pytest.raises(NotApplicable, match="In float16 this model's gradients overflow"):
        scores("input_gradient", *models, picture)
