"""Loading: what is on the card, and a sentence for everything that can be wrong with a folder or an id."""

from __future__ import annotations

import errno
import json
import shutil
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from core.answer import Decoding, Question
from core.errors import ModelUnavailable
from core.vlm import memory
from core.vlm.generation import ask
from core.vlm.hf import hub, loading, pretrained
from core.vlm.hf.files import count_parameters, read_header
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import DType, ModelSpec, estimate_memory, load_model


@pytest.fixture
def copy(llava_folder: Path, tmp_path: Path) -> Path:
    """A LLaVA folder to damage."""
    return Path(shutil.copytree(llava_folder, tmp_path / "damaged"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to reach anything fails as on a machine without a network, and is written down."""
    attempts: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        attempts.append(args)
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return attempts


def refusal(folder: Path | str) -> str:
    with pytest.raises(ModelUnavailable) as error:
        load_model(ModelSpec(str(folder), device="cpu"))
    sentence = str(error.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_the_card_says_what_was_loaded(llava: TransformersModel, qwen: TransformersModel, llava_folder: Path) -> None:
    card = llava.card
    assert (card.family, card.layers, card.heads, card.key_value_heads, card.hidden) == ("llava", 3, 4, 4, 64)
    assert (card.dtype, card.device, card.image_grid) == ("float32", "cpu", "4 x 4")
    assert card.parameters == sum(tensor.numel() for tensor in load_file(llava_folder / "model.safetensors").values())
    assert (qwen.card.family, qwen.card.heads, qwen.card.key_value_heads) == ("qwen2_5_vl", 4, 2)
    assert qwen.card.image_grid == "follows the picture"
    assert card.fingerprint != qwen.card.fingerprint


def test_folders_load_and_answer_without_any_network(
    llava_folder: Path, qwen_folder: Path, no_network: list[object], picture: Image.Image
) -> None:
    for folder in (llava_folder, qwen_folder):
        stages: list[str] = []
        model = load_model(ModelSpec(str(folder), device="cpu"), stages.append)
        assert ask(model, Question("What?", (picture,), decoding=Decoding(max_new_tokens=2))).tokens
        assert stages[-1] == "Ready" and len(stages) > 2
    assert no_network == []


def test_the_fingerprint_follows_weights_and_precision(llava_folder: Path, copy: Path) -> None:
    def fingerprint(folder: Path, dtype: DType = "float32") -> str:
        return load_model(ModelSpec(str(folder), dtype=dtype, device="cpu")).card.fingerprint

    original = fingerprint(llava_folder)
    assert fingerprint(copy) == original
    assert fingerprint(copy, "bfloat16") != original
    weights = load_file(copy / "model.safetensors")
    next(tensor for name, tensor in weights.items() if "lm_head" in name)[5, 5] += 0.25
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert fingerprint(copy) != original


def test_half_precision_answers_too(qwen_folder: Path, picture: Image.Image) -> None:
    model = load_model(ModelSpec(str(qwen_folder), dtype="bfloat16", device="cpu"))
    answer = ask(model, Question("What?", (picture,), decoding=Decoding(max_new_tokens=4)))
    assert len(answer.tokens) == 4
    assert answer.inputs["pixel_values"].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("config.json", "config.json"),
        ("model.safetensors", "model.safetensors"),
        ("processor_config.json", "processor_config.json"),
        ("tokenizer.json", "tokenizer"),
    ],
)
def test_a_missing_file_is_named(copy: Path, name: str, named: str) -> None:
    (copy / name).unlink()
    if name == "tokenizer.json":
        (copy / "tokenizer_config.json").unlink()
    assert named in refusal(copy)


def test_a_missing_part_of_split_weights_is_named(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    assert "model-00002-of-00002.safetensors" in refusal(copy)


def test_an_index_cannot_point_out_of_the_folder(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy.parent / "elsewhere.safetensors")
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../elsewhere.safetensors"}}))
    assert "elsewhere" in refusal(copy)


def _truncate(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def _text_instead(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _empty(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def _wild_header(folder: Path) -> None:
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, "many"]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize("damage", [_truncate, _text_instead, _empty, _wild_header])
def test_damaged_weights_are_named(copy: Path, damage: Callable[[Path], None]) -> None:
    damage(copy)
    sentence = refusal(copy)
    assert "model.safetensors" in sentence and "damaged" in sentence and "again" in sentence


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "processor_config.json"])
@pytest.mark.parametrize("content", ["{not json", "[1, 2]", "\x00"])
def test_a_damaged_description_is_named(copy: Path, name: str, content: str) -> None:
    (copy / name).write_text(content)
    assert name in refusal(copy)


def test_weights_of_another_model_are_refused_rather_than_filled_with_noise(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    name = next(name for name in weights if "layers.1.self_attn.q_proj" in name)
    save_file({key: value for key, value in weights.items() if key != name}, copy / "model.safetensors")
    assert "missing" in refusal(copy)
    weights[name] = torch.zeros(3, 3)
    save_file(weights, copy / "model.safetensors")
    assert "again" in refusal(copy)


def test_quantised_weights_name_the_package_that_reads_them(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def needs(*_: object, **__: object) -> None:
        raise ImportError("Loading such weights requires frobnicate (`pip install frobnicate`)")

    monkeypatch.setattr(pretrained.AutoModelForImageTextToText, "from_pretrained", needs)
    sentence = refusal(copy)
    assert "requires frobnicate" in sentence and "another version" in sentence and "Download" not in sentence


def test_pickled_weights_are_never_opened(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/never'\ntR.")
    assert "run code" in refusal(copy)


def test_code_of_a_model_folder_is_never_run(copy: Path, tmp_path: Path, picture: Image.Image) -> None:
    marker = tmp_path / "was_run"
    (copy / "modeling_evil.py").write_text(f"open({str(marker)!r}, 'w').write('')\nclass Evil: pass\n")
    config = json.loads((copy / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "modeling_evil.Evil", "AutoModelForImageTextToText": "modeling_evil.Evil"}
    (copy / "config.json").write_text(json.dumps(config))
    load_model(ModelSpec(str(copy), device="cpu"))
    assert not marker.exists()
    config["model_type"] = "evil"
    (copy / "config.json").write_text(json.dumps(config))
    assert "evil" in refusal(copy)
    assert not marker.exists()


def test_a_language_model_is_not_a_vision_language_model(copy: Path) -> None:
    transformers.LlamaConfig(hidden_size=64, num_hidden_layers=1).save_pretrained(copy)
    assert "pictures" in refusal(copy)


def test_a_family_without_image_tokens_is_refused(copy: Path) -> None:
    transformers.GitConfig().save_pretrained(copy)
    assert "not supported" in refusal(copy)


def test_a_configuration_of_a_larger_model_takes_no_memory(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "read_network", lambda *_: pytest.fail("memory was taken"))
    config = json.loads((copy / "config.json").read_text())
    config["text_config"]["hidden_size"] = 16_384
    (copy / "config.json").write_text(json.dumps(config))
    assert "different models" in refusal(copy)


def test_a_model_without_chat_template_is_refused(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    assert "chat template" in refusal(copy)


def test_a_folder_that_is_not_there_is_not_taken_for_a_hub_id(no_network: list[object], tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    assert "folder" in refusal(tmp_path / "nowhere")
    assert "folder" in refusal("./nowhere/at/all")
    assert "folder" in refusal("")
    assert "is a file" in refusal(file)
    assert no_network == []


def test_a_hub_id_without_a_network_is_refused_quickly(no_network: list[object]) -> None:
    began = time.perf_counter()
    for attempt in (load_model, estimate_memory):
        with pytest.raises(ModelUnavailable, match="hub cannot be reached") as error:
            attempt(ModelSpec("nobody-here/never-uploaded-7b", device="cpu"))
        assert "nobody-here/never-uploaded-7b" in str(error.value)
    assert time.perf_counter() - began < 10
    assert no_network  # it did try


def test_offline_mode_is_respected(no_network: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal("nobody-here/never-uploaded-7b")
    assert no_network == []


def test_a_folder_that_takes_no_download_is_told_from_a_hub_that_is_not_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub, "_fetch", full)
    files = hub.HubFiles(None, (("model.safetensors", 14_000_000_000),))
    with pytest.raises(ModelUnavailable, match=r"14\.0 GB.*No space left.*HF_HOME") as error:
        hub.download(ModelSpec("somebody/model-7b"), files, lambda _: None)
    assert "network" not in str(error.value)


def test_a_model_that_does_not_fit_is_refused_with_figures(llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = estimate_memory(ModelSpec(str(llava_folder), dtype="bfloat16", device="cpu")).needed + 10_000
    monkeypatch.setattr(memory, "available_bytes", lambda _: free)
    monkeypatch.setattr(loading, "read_network", lambda *_: pytest.fail("the weights were loaded"))
    estimate = estimate_memory(ModelSpec(str(llava_folder), device="cpu"))
    assert not estimate.fits and estimate.needed > free
    sentence = refusal(llava_folder)
    assert sentence == estimate.sentence
    assert f"{free / 1e6:.0f} MB are free" in sentence and "It would fit in bfloat16" in sentence


def test_what_other_models_free_is_reckoned_with(llava_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda _: 100_000_000)
    spec = ModelSpec(str(llava_folder), device="cpu")
    assert not estimate_memory(spec).fits
    freeing = estimate_memory(spec, freed=500_000_000)
    assert freeing.fits and "500 MB" in freeing.sentence


def test_a_model_that_is_not_expected_to_fit_is_loaded_all_the_same_where_that_is_said(
    llava_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda _: 1_000)
    assert load_model(ModelSpec(str(llava_folder), device="cpu"), anyway=True).card.layers == 3


def test_the_estimate_counts_the_weights_in_the_precision_they_will_have(llava_folder: Path) -> None:
    counted = count_parameters([read_header(llava_folder / "model.safetensors")])
    exact = sum(tensor.numel() for tensor in load_file(llava_folder / "model.safetensors").values())
    assert counted == {"F32": exact}
    full, half = (
        (estimate := estimate_memory(ModelSpec(str(llava_folder), dtype=dtype, device="cpu"))).needed - estimate.working
        for dtype in ("float32", "bfloat16")
    )
    assert full - half == pytest.approx(exact * 2 * 1.1, rel=1e-3)
