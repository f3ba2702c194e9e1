"""LoRA adapters on the base they were trained for, against peft's own forward pass."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import peft
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from core.answer import Decoding, Question, Target
from core.errors import ModelUnavailable
from core.explainers.registry import explainers
from core.explainers.run import explain
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import measure
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import ModelSpec, load_model
from tests.adapters import trained


@pytest.fixture(scope="module")
def adapter(llava_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(llava_folder, tmp_path_factory.mktemp("adapter") / "tuned")


@pytest.fixture(scope="module")
def spec(llava_folder: Path) -> ModelSpec:
    return ModelSpec(str(llava_folder), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def tuned(spec: ModelSpec, adapter: Path) -> TransformersModel:
    model = load_model(replace(spec, adapter=str(adapter)))
    assert isinstance(model, TransformersModel)
    return model


def test_an_adapter_gives_the_logits_that_peft_gives(
    tuned: TransformersModel, llava: TransformersModel, llava_folder: Path, adapter: Path, picture: Image.Image
) -> None:
    question = Question("the the dog?", (picture,), decoding=Decoding(max_new_tokens=1))
    inputs = tuned.prepare(question).inputs
    base = AutoModelForImageTextToText.from_pretrained(llava_folder, dtype=torch.float32)
    wrapped = peft.PeftModel.from_pretrained(base, adapter).eval()
    with torch.no_grad():
        expected = wrapped(**inputs).logits[0, -1]
    logits, _ = tuned.begin(tuned.prepare(question))
    without, _ = llava.begin(llava.prepare(question))
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    assert float((logits - without).abs().max()) > 0.1


def test_with_and_without_are_two_models(tuned: TransformersModel, llava: TransformersModel) -> None:
    assert tuned.card.fingerprint != llava.card.fingerprint
    assert tuned.card.adapter == "tuned" and tuned.card.name.endswith("with tuned") and llava.card.adapter == ""
    assert tuned.card.parameters == llava.card.parameters


def test_everything_looks_inside_a_model_with_its_adapter(tuned: TransformersModel, picture: Image.Image) -> None:
    answer = ask(tuned, Question("the the dog?", (picture,), decoding=Decoding(max_new_tokens=2)))
    (explanation,) = explain(explainers()["relevancy"], tuned, answer, [Target((0,))])
    assert float(explanation.scores.abs().max()) > 0
    assert measure(mechanisms()["head_contributions"], tuned, answer, Target((0,))).result.shapes


def test_another_adapter_is_another_model(
    spec: ModelSpec, adapter: Path, tuned: TransformersModel, tmp_path: Path
) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    other = tmp_path / "other"
    other.mkdir()
    (other / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    save_file({name: weight * 1.5 for name, weight in weights.items()}, other / "adapter_model.safetensors")
    assert load_model(replace(spec, adapter=str(other))).card.fingerprint != tuned.card.fingerprint


def test_an_adapter_of_another_model_is_refused_and_not_put_on_in_part(
    spec: ModelSpec, adapter: Path, tmp_path: Path
) -> None:
    weights = load_file(adapter / "adapter_model.safetensors")
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    for changed in (
        {name.replace("layers.2.", "layers.7."): weight for name, weight in weights.items()},
        {name: weight for name, weight in weights.items() if "layers.2." not in name},
        {name: weight[:, :3] if "lora_A" in name else weight for name, weight in weights.items()},
    ):
        save_file({name: weight.contiguous() for name, weight in changed.items()}, odd / "adapter_model.safetensors")
        with pytest.raises(ModelUnavailable, match=r"adapter odd does not fit this model .* load that"):
            load_model(replace(spec, adapter=str(odd)))


def test_what_is_no_lora_or_pickled_is_refused(spec: ModelSpec, adapter: Path, tmp_path: Path) -> None:
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**settings, "peft_type": "PROMPT_TUNING"}))
    with pytest.raises(ModelUnavailable, match="only LoRA"):
        load_model(replace(spec, adapter=str(tmp_path)))
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    (tmp_path / "adapter_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")
    with pytest.raises(ModelUnavailable, match="pickled"):
        load_model(replace(spec, adapter=str(tmp_path)))
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(ModelUnavailable, match="no adapter"):
        load_model(replace(spec, adapter=str(tmp_path)))
