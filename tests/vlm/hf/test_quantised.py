"""Weights in 8 and 4 bit, quantised while they are read and stored so."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import bitsandbytes
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from core.answer import Answer, Decoding, Question, Target
from core.errors import ModelUnavailable
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.registry import mechanisms
from core.mechanisms.results import HeadValues
from core.mechanisms.run import measure
from core.vlm.generation import ask
from core.vlm.hf import quantised
from core.vlm.hf.network import TransformersModel
from core.vlm.hf.quantised import quantisation_config
from core.vlm.loading import ModelSpec, Quantisation, estimate_memory, load_model
from core.vlm.model import VisionLanguageModel
from core.vlm.replay import replay_difference


@pytest.fixture(scope="module")
def spec(llava_folder: Path) -> ModelSpec:
    return ModelSpec(str(llava_folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def stored(llava_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose weights are in 4 bit."""
    in_4_bit = tmp_path_factory.mktemp("stored") / "llava-4bit"
    config = quantisation_config("4bit", torch.float32)
    network = AutoModelForImageTextToText.from_pretrained(
        llava_folder, dtype=torch.float32, quantization_config=config, device_map={"": "cpu"}
    )
    network.save_pretrained(in_4_bit)
    return with_processor(llava_folder, in_4_bit)


def with_processor(source: Path, folder: Path) -> Path:
    for file in source.iterdir():
        if not (folder / file.name).exists():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


def asked(model: VisionLanguageModel, picture: Image.Image) -> Answer:
    return ask(model, Question("the the dog?", (picture,), decoding=Decoding(max_new_tokens=3)))


@pytest.mark.parametrize("quantisation", ["8bit", "4bit"])
def test_a_model_in_few_bits_answers_and_is_explained(
    quantisation: Quantisation, spec: ModelSpec, llava: VisionLanguageModel, picture: Image.Image
) -> None:
    model = load_model(replace(spec, quantisation=quantisation))
    assert model.card.quantisation == quantisation.replace("bit", " bit")
    assert model.card.fingerprint != llava.card.fingerprint
    assert model.card.parameters == llava.card.parameters and model.card.weight_bytes < llava.card.weight_bytes
    answer = asked(model, picture)
    assert replay_difference(model, answer) < 0.1
    for key in ("relevancy", "input_gradient", "occlusion_tokens", "raw_attention"):
        (explanation,) = explain(explainers()[key], model, answer, [Target((0,))])
        assert bool(explanation.scores.isfinite().all()) and float(explanation.scores.abs().max()) > 0


def test_gradients_in_4_bit_are_those_of_the_rounded_weights(spec: ModelSpec, picture: Image.Image) -> None:
    # The same numbers, written out in full: everything but the way they are stored is the same.
    model, written_out = load_model(replace(spec, quantisation="4bit")), load_model(spec)
    assert isinstance(model, TransformersModel) and isinstance(written_out, TransformersModel)
    for name, module in model.network.named_modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            plain = bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
            written_out.network.get_submodule(name).weight.data.copy_(plain)
    answer = asked(model, picture)
    same = replace(answer, model=written_out.card.fingerprint)
    for key in ("relevancy", "suffix_relevancy", "input_gradient"):
        (explanation,) = explain(explainers()[key], model, answer, [Target((1,))])
        (right,) = explain(explainers()[key], written_out, same, [Target((1,))])
        torch.testing.assert_close(explanation.scores, right.scores, atol=1e-4, rtol=1e-2)
    heads = mechanisms()["head_contributions"]
    shape = measure(heads, model, answer, Target((1,))).result.shapes[0]
    right_shape = measure(heads, written_out, same, Target((1,))).result.shapes[0]
    assert isinstance(shape, HeadValues) and isinstance(right_shape, HeadValues)
    np.testing.assert_allclose(shape.values, right_shape.values, atol=1e-3)


def test_a_checkpoint_in_4_bit_is_what_was_quantised(spec: ModelSpec, stored: Path, picture: Image.Image) -> None:
    made = load_model(replace(spec, quantisation="4bit"))
    model = load_model(replace(spec, source=str(stored)))
    assert model.card.quantisation == "4 bit (bitsandbytes)"
    torch.testing.assert_close(
        model.replay_logits(asked(model, picture)), made.replay_logits(asked(made, picture)), atol=1e-4, rtol=1e-4
    )


def test_a_quantised_checkpoint_is_not_quantised_again(spec: ModelSpec, stored: Path) -> None:
    with pytest.raises(ModelUnavailable, match="quantised already"):
        load_model(replace(spec, source=str(stored), quantisation="8bit"))


def test_a_quantised_checkpoint_names_the_package_that_it_needs(
    spec: ModelSpec, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantised, "_installed", lambda _: False)
    for named, refused in (
        (replace(spec, source=str(stored)), r"quantised \(bitsandbytes\).*sightline\[bitsandbytes\]"),
        (replace(spec, quantisation="4bit"), r"8 or 4 bit needs .*sightline\[bitsandbytes\]"),
    ):
        with pytest.raises(ModelUnavailable, match=refused) as error:
            load_model(named)
        assert "Download" not in str(error.value)


@pytest.mark.parametrize(
    ("method", "refused"),
    [
        ("awq", r"quantised \(awq\), which needs the package gptqmodel"),
        ("gptq", r"quantised \(gptq\), which needs the package gptqmodel"),
        ("compressed-tensors", r"needs the package compressed_tensors"),
        ("fbgemm_fp8", r"quantised \(fbgemm_fp8\), and that cannot be computed with here"),
        ("modelopt", r"by a method \(modelopt\) that the transformers installed here does not know"),
    ],
)
def test_each_way_of_quantising_that_cannot_be_had_here_is_told_truly(
    method: str, refused: str, llava_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where one is installed, it is as if it were not.
    monkeypatch.setattr(quantised, "_installed", lambda package: package == "accelerate")
    folder = Path(shutil.copytree(llava_folder, tmp_path / "mine"))
    described = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**described, "quantization_config": {"quant_method": method}}))
    with pytest.raises(ModelUnavailable, match=refused):
        load_model(ModelSpec(str(folder), "float32", "cpu"))


def test_few_bits_are_reckoned_with(spec: ModelSpec) -> None:
    needed = [estimate_memory(replace(spec, quantisation=q)).needed for q in ("none", "8bit", "4bit")]
    assert needed == sorted(needed, reverse=True) and len(set(needed)) == 3


def test_a_quantised_checkpoint_that_this_machine_cannot_compute_with_is_not_said_to_be_damaged(
    spec: ModelSpec, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("FP8 quantized models is only supported on GPUs")

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", fails)
    with pytest.raises(
        ModelUnavailable, match=r"are quantised \(bitsandbytes\).*not quantised, or another device"
    ) as error:
        load_model(replace(spec, source=str(stored)))
    assert "Download" not in str(error.value)
