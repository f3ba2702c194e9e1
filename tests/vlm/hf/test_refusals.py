"""Each kind of thing that is no model to be loaded here is told by a sentence of its own, with what to do."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers

from core.errors import ModelUnavailable
from core.vlm.hf import pretrained
from core.vlm.hf.files import called
from core.vlm.hf.hub import HubFiles, hub_files
from core.vlm.loading import ModelSpec, estimate_memory, load_model


@pytest.fixture
def copy(llava_folder: Path, tmp_path: Path) -> Path:
    """A whole LLaVA folder to change."""
    return Path(shutil.copytree(llava_folder, tmp_path / "mine"))


def refusal(folder: Path | str, device: str = "cpu") -> str:
    sentences = []
    for attempt in (load_model, estimate_memory):
        with pytest.raises(ModelUnavailable) as error:
            attempt(ModelSpec(str(folder), device=device))
        sentences.append(str(error.value))
    assert sentences[0].endswith(".") and "\n" not in sentences[0]
    assert "Download" not in sentences[0]
    return sentences[0]


def write(folder: Path, **files: object) -> Path:
    """A folder of files: JSON objects, or any bytes."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def _adapter(folder: Path) -> Path:
    settings = {"peft_type": "LORA", "base_model_name_or_path": "llava-hf/llava-1.5-7b-hf"}
    return write(folder, adapter_config__json=settings, adapter_model__safetensors=b"")


def _gguf(folder: Path) -> Path:
    path = write(folder)
    (path / "model-q4_k_m.gguf").write_bytes(b"GGUF")
    return path


def _text_only(folder: Path) -> Path:
    transformers.LlamaConfig(hidden_size=64, num_hidden_layers=1).save_pretrained(folder)
    return write(folder, model__safetensors=b"", tokenizer__json={})


def _own_code(folder: Path) -> Path:
    auto_map = {"AutoModel": "modeling_internvl_chat.InternVLChatModel"}
    return write(folder, config__json={"model_type": "internvl_chat", "auto_map": auto_map}, model__safetensors=b"")


def _unknown_code(folder: Path) -> Path:
    return write(folder, config__json={"model_type": "brand_new", "auto_map": {"AutoModel": "a.B"}})


def _mlx(folder: Path) -> Path:
    config = {"model_type": "qwen2_vl", "quantization": {"group_size": 64, "bits": 4}}
    return write(folder, config__json=config, model__safetensors=b"")


def _publishers_own(folder: Path) -> Path:
    return write(folder, params__json={"dim": 4096}, consolidated__safetensors=b"")


def _speech_too(folder: Path) -> Path:
    transformers.Phi4MultimodalConfig().save_pretrained(folder)
    return write(folder, model__safetensors=b"")


def _pictures_alone(folder: Path) -> Path:
    transformers.CLIPConfig().save_pretrained(folder)
    return write(folder, model__safetensors=b"")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (_adapter, ("is an adapter of llava-hf/llava-1.5-7b-hf", "give thing as its adapter")),
        (_gguf, ("GGUF", "8 or 4 bit")),
        (_text_only, ("reads words alone", "image-text-to-text")),
        (_own_code, ("trust_remote_code", "OpenGVLab/InternVL3-2B-hf")),
        (_unknown_code, ("trust_remote_code", "ends in -hf")),
        (_mlx, ("MLX", "original model")),
        (_publishers_own, ("params.json", "ends in -hf")),
        (_speech_too, ("phi4_multimodal", "a way of its own")),
        (_pictures_alone, ("clip", "in words")),
    ],
)
def test_each_kind_of_folder_has_its_sentence(
    made: Callable[[Path], Path], said: tuple[str, ...], tmp_path: Path
) -> None:
    sentence = refusal(made(tmp_path / "thing"))
    for words in said:
        assert words in sentence, sentence


def test_what_is_no_model_is_told_before_anything_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"model-q4.gguf": 5, "README.md": 1}
    monkeypatch.setattr("core.vlm.hf.hub._listed", lambda _: (files, None))
    with pytest.raises(ModelUnavailable, match="GGUF"):
        hub_files(ModelSpec("somebody/model-gguf"))


def test_only_what_is_needed_is_downloaded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "config.json": 1,
        "tokenizer.json": 2,
        "chat_template.jinja": 3,
        "model-00001-of-00002.safetensors": 100,
        "model-00002-of-00002.safetensors": 50,
        "model.safetensors.index.json": 4,
        "consolidated.safetensors": 150,
        "original/consolidated.00.pth": 150,
        "original/params.json": 5,
        "onnx/model.onnx": 70,
        "pytorch_model.bin": 150,
    }
    monkeypatch.setattr("core.vlm.hf.hub._listed", lambda _: (files, "c0ffee"))
    needed = hub_files(ModelSpec("somebody/model"))
    assert isinstance(needed, HubFiles) and needed.weights == 150 and needed.total == 160
    assert not any("original" in name or "consolidated" in name for name, _ in needed.sizes)


@pytest.mark.parametrize("name", ["torchvision", "timm"])
def test_a_missing_package_is_named_and_not_taken_for_damage(
    name: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def needs(*_: object, **__: object) -> None:
        raise ImportError(f"Llama4ImageProcessorFast requires the {name.title()} library but it was not found.")

    monkeypatch.setattr(pretrained, "load_processor", needs)
    with pytest.raises(ModelUnavailable) as error:
        load_model(ModelSpec(str(copy), device="cpu"))
    assert f"the package {name}" in str(error.value) and "pip install" in str(error.value)
    assert "Download" not in str(error.value)


def test_a_processor_that_exists_only_with_torchvision_says_so(copy: Path) -> None:
    if transformers.utils.is_torchvision_available():
        pytest.skip("torchvision is here")
    (copy / "processor_config.json").unlink()
    settings = {"image_processor_type": "Llama4ImageProcessorFast", "processor_class": "Llama4Processor"}
    write(copy, preprocessor_config__json=settings, processor_config__json={"processor_class": "Llama4Processor"})
    with pytest.raises(ModelUnavailable, match=r"sightline\[torchvision\]") as error:
        load_model(ModelSpec(str(copy), device="cpu"))
    assert "Download" not in str(error.value)


def test_a_model_without_a_chat_template_is_not_said_to_be_a_base_model(copy: Path) -> None:
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ModelUnavailable, match=r"no chat template.*llava model.*chat_template\.jinja") as error:
        load_model(ModelSpec(str(copy), device="cpu"))
    assert "base model" not in str(error.value)


@pytest.mark.parametrize(("device", "said"), [("mps", "Apple"), ("cuda:7", "GPU"), ("meta", "computes nothing")])
def test_a_device_that_is_not_here_is_told_as_that(device: str, said: str, copy: Path) -> None:
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("there is such a device")
    assert said in refusal(copy, device)


def test_an_adapter_beside_a_whole_model_is_never_ignored(copy: Path) -> None:
    write(copy, adapter_config__json={"peft_type": "LORA"}, adapter_model__safetensors=b"")
    sentence = refusal(copy)
    assert "lies an adapter" in sentence and '"none" to leave it out' in sentence
    assert load_model(ModelSpec(str(copy), device="cpu", adapter="none")).card.adapter == ""


def test_a_hub_model_is_called_by_its_id_and_not_by_its_commit(tmp_path: Path) -> None:
    assert (
        called(tmp_path / "models--llava-hf--llava-1.5-7b-hf" / "snapshots" / "b234b804") == "llava-hf/llava-1.5-7b-hf"
    )
    assert called(tmp_path / "mine") == "mine"


def test_a_revision_is_told_from_the_id(tmp_path: Path) -> None:
    assert (ModelSpec("a/b@refs/pr/70").id, ModelSpec("a/b@refs/pr/70").revision) == ("a/b", "refs/pr/70")
    assert (ModelSpec("a/b").id, ModelSpec("a/b").revision) == ("a/b", None)
    odd = tmp_path / "me@home"
    odd.mkdir()
    assert ModelSpec(str(odd)).revision is None


def test_a_hub_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    silence = threading.Event()
    monkeypatch.setattr("core.vlm.hf.hub.constants.is_offline_mode", lambda: False)
    monkeypatch.setattr("core.vlm.hf.hub.HfApi.model_info", lambda *_, **__: silence.wait(60))
    monkeypatch.setattr("core.vlm.hf.hub.PATIENCE", 0.05)
    try:
        with pytest.raises(ModelUnavailable, match="no answer within"):
            hub_files(ModelSpec("somebody/model"))
    finally:
        silence.set()
