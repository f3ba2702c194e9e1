"""A model that hears and speaks besides (Qwen2.5-Omni): the part that reads pictures and writes words is loaded from
its whole checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file

from core.answer import Decoding, Question
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from tests.zoo import QWEN_TEMPLATE, build_tokenizer, load

DECODER = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0},
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TOWER = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 2,
    "out_hidden_size": 64,
    "patch_size": 14,
    "fullatt_block_indexes": [1],
    "window_size": 56,
}
EAR = {
    "d_model": 32,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "output_dim": 64,
    "num_mel_bins": 16,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A tiny Qwen2.5-Omni on disk, and the network of its thinker."""
    folder = tmp_path_factory.mktemp("omni")
    pictures = {"vision_bos_token": "<|vision_start|>", "vision_eos_token": "<|vision_end|>"}
    sounds = {"audio_token": "<image>", "audio_bos_token": "<image>", "audio_eos_token": "<image>"}
    tokenizer = build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>", **pictures, **sounds)
    ids = {
        "image_token_index": tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_index": tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        "audio_token_index": tokenizer.convert_tokens_to_ids("<image>"),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    }
    thinker = transformers.Qwen2_5OmniThinkerConfig(
        text_config={**DECODER, "vocab_size": len(tokenizer)}, vision_config=TOWER, audio_config=EAR, **ids
    )
    torch.manual_seed(0)
    network = transformers.AutoModelForImageTextToText.from_config(thinker).eval()
    transformers.Qwen2_5OmniConfig(thinker_config=thinker.to_dict()).save_pretrained(folder)
    weights = {f"thinker.{name}": weight.clone() for name, weight in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    sides = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 24}
    images = transformers.Qwen2VLImageProcessorPil(patch_size=14, merge_size=2, size=sides).to_dict()
    sound = transformers.WhisperFeatureExtractor(feature_size=16).to_dict()
    settings = {**sound, **images, "processor_class": "Qwen2_5OmniProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(QWEN_TEMPLATE)
    return folder, network


@pytest.fixture(scope="module")
def model(saved: tuple[Path, Any]) -> TransformersModel:
    return load(saved[0])


@pytest.mark.parametrize("pictures", [1, 0])
def test_it_answers_as_transformers_generates(
    pictures: int, model: TransformersModel, saved: tuple[Path, Any], picture: Image.Image
) -> None:
    question = Question("What is this?", (picture,) * pictures, decoding=Decoding(max_new_tokens=4))
    inputs = model.prepare(question).inputs
    generated = saved[1].generate(**inputs, max_new_tokens=4, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert list(ask(model, question).token_ids) == generated.tolist()
