"""Tiny random models of families whose rotary positions count on several axes and nobody has described: what a network
keeps of an earlier question's positions must not matter to a later one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.families import DECODER
from tests.zoo import QWEN_TEMPLATE, build_tokenizer

SIDE = 56
ROPE = {"rope_type": "default", "mrope_section": [3, 3, 2], "rope_theta": 10_000.0}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
TOWER = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "patch_size": 14}


def save_qwen3_vl_moe(folder: Path) -> Path:
    """A Qwen3-VL of experts, whose decoder also takes what its tower holds after its first layer."""
    tokenizer = _tokenizer("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    config = transformers.Qwen3VLMoeConfig(
        text_config=_text(tokenizer, head_dim=16, rope_parameters=ROPE | {"mrope_interleaved": True}, **EXPERTS),
        vision_config={
            **TOWER,
            "out_hidden_size": 64,
            "deepstack_visual_indexes": [0],
            "num_position_embeddings": 64,
        },
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        vision_start_token_id=tokenizer.image_start_token_id,
        vision_end_token_id=tokenizer.image_end_token_id,
    )
    images = transformers.Qwen2VLImageProcessorPil(patch_size=14, merge_size=2, size=_sizes())
    return _save(folder, config, "Qwen3VLProcessor", images, tokenizer)


def save_glm4v_moe(folder: Path) -> Path:
    """A GLM-4.5V: experts, and rotary positions for half of a head."""
    tokenizer = _glm_tokenizer()
    experts = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
    config = transformers.Glm4vMoeConfig(
        text_config=_text(tokenizer, rope_parameters=ROPE | {"mrope_section": [1, 1, 2]}, **experts),
        vision_config={**TOWER, "image_size": SIDE, "out_hidden_size": 64},
        **_glm_ids(tokenizer),
    )
    return _save(folder, config, "Glm4vProcessor", _glm_images("Glm4vImageProcessorPil"), tokenizer)


def save_glm46v(folder: Path) -> Path:
    """A GLM-4.6V: one token marks pictures and frames of videos."""
    tokenizer = _glm_tokenizer()
    rope = ROPE | {"mrope_section": [1, 1, 2], "partial_rotary_factor": 0.5}
    config = transformers.Glm46VConfig(
        text_config=_text(tokenizer, model_type="glm4v_text", rope_parameters=rope),
        vision_config={**TOWER, "model_type": "glm4v_vision", "image_size": SIDE, "out_hidden_size": 64},
        **_glm_ids(tokenizer),
    )
    return _save(folder, config, "Glm46VProcessor", _glm_images("Glm46VImageProcessorPil"), tokenizer)


def save_paddleocr_vl(folder: Path) -> Path:
    """A PaddleOCR-VL, whose pictures are of one frame."""
    tokenizer = _tokenizer("<|IMAGE_PLACEHOLDER|>", "<|video|>", "<|IMAGE_START|>", "<|IMAGE_END|>")
    config = transformers.PaddleOCRVLConfig(
        text_config=_text(tokenizer, head_dim=16, rope_parameters=ROPE),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 14,
        },
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        vision_start_token_id=tokenizer.image_start_token_id,
        vision_end_token_id=tokenizer.image_end_token_id,
        tie_word_embeddings=False,
    )
    images = transformers.PaddleOCRVLImageProcessorPil(patch_size=14, merge_size=2, size=_sizes())
    return _save(folder, config, "PaddleOCRVLProcessor", images, tokenizer)


def save_ernie4_5_vl(folder: Path) -> Path:
    """An ERNIE-4.5-VL: experts for text and for pictures, and so a second kind of token types."""
    tokenizer = _tokenizer(
        "<|IMAGE_PLACEHOLDER|>",
        "<|video|>",
        "<|IMAGE_START|>",
        "<|IMAGE_END|>",
        video_start_token="<|VIDEO_START|>",
        video_end_token="<|VIDEO_END|>",
    )
    experts = {"moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": [32, 16], "moe_num_shared_experts": 1}
    config = transformers.Ernie4_5_VLMoeConfig(
        text_config=_text(tokenizer, rope_parameters=ROPE, **experts),
        vision_config=TOWER,
        tie_word_embeddings=False,
        **_glm_ids(tokenizer),
    )
    images = transformers.Ernie4_5_VLMoeImageProcessorPil(patch_size=14, merge_size=2, size=_sizes())
    return _save(folder, config, "Ernie4_5_VLMoeProcessor", images, tokenizer)


def save_hunyuan_vl(folder: Path) -> Path:
    """A HunYuan-VL: four rotary axes, of which none is the order of the text, and row ends among the image tokens."""
    tokenizer = _tokenizer("<image>", "<|video|>", "<|vision_start|>", "<|vision_end|>")
    config = transformers.HunYuanVLConfig(
        text_config=_text(tokenizer, head_dim=16, rope_parameters=ROPE | {"mrope_section": [2, 2, 2, 2]}),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": 14,
            "out_hidden_size": 64,
            "text_hidden_size": 64,
            "max_image_size": 2 * SIDE,
        },
        image_token_id=tokenizer.image_token_id,
        im_start_id=tokenizer.image_start_token_id,
        im_end_id=tokenizer.image_end_token_id,
        tie_word_embeddings=False,
    )
    images = transformers.HunYuanVLImageProcessorPil(patch_size=14, merge_size=2, size=_sizes())
    return _save(folder, config, "HunYuanVLProcessor", images, tokenizer)


def save_cohere_compass(folder: Path) -> Path:
    """A Cohere Compass: a Qwen3-VL's tower before a decoder of its own."""
    tokenizer = _tokenizer("<|IMAGE_PAD|>", "<|VIDEO_PAD|>", "<|VISION_START|>", "<|VISION_END|>")
    rope = {"full_attention": ROPE | {"mrope_interleaved": True}}
    config = transformers.CohereCompassConfig(
        text_config=_text(tokenizer, rope_parameters=rope, logit_scale=0.5),
        vision_config={
            **TOWER,
            "out_hidden_size": 64,
            "deepstack_visual_indexes": [0],
            "num_position_embeddings": 64,
        },
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        vision_start_token_id=tokenizer.image_start_token_id,
        vision_end_token_id=tokenizer.image_end_token_id,
    )
    images = transformers.CohereCompassImageProcessorPil(patch_size=14, merge_size=2, size=_sizes())
    return _save(folder, config, "CohereCompassProcessor", images, tokenizer)


ROTARY: dict[str, Callable[[Path], Path]] = {
    "cohere_compass": save_cohere_compass,
    "ernie4_5_vl": save_ernie4_5_vl,
    "glm46v": save_glm46v,
    "glm4v_moe": save_glm4v_moe,
    "hunyuan_vl": save_hunyuan_vl,
    "paddleocr_vl": save_paddleocr_vl,
    "qwen3_vl_moe": save_qwen3_vl_moe,
}


def _tokenizer(image: str, video: str, start: str, end: str, **more: str) -> Any:
    names = {"image_token": image, "video_token": video, "image_start_token": start, "image_end_token": end}
    return build_tokenizer(**names, **more)


def _glm_tokenizer() -> Any:
    more = {"video_start_token": "<|begin_of_video|>", "video_end_token": "<|end_of_video|>"}
    return _tokenizer("<|image|>", "<|video|>", "<|begin_of_image|>", "<|end_of_image|>", **more)


def _glm_ids(tokenizer: Any) -> dict[str, int]:
    names = ("image", "video", "image_start", "image_end", "video_start", "video_end")
    return {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in names}


def _glm_images(name: str) -> Any:
    return getattr(transformers, name)(patch_size=14, merge_size=2, size=_sizes(frames=2))


def _sizes(frames: int = 1) -> dict[str, int]:
    return {"shortest_edge": frames * SIDE * SIDE, "longest_edge": frames * 28 * 28 * 24}


def _text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {**DECODER, "vocab_size": len(tokenizer), **more}


def _save(folder: Path, config: Any, processor: str, images: Any, tokenizer: Any) -> Path:
    """As on the hub: weights, and the parts of the processor beside each other."""
    torch.manual_seed(0)
    network = transformers.AutoModelForImageTextToText.from_config(config)
    with torch.no_grad():
        for parameter in network.parameters():
            # Sharper attention and logits than freshly drawn weights give: differences would not show in flat ones.
            parameter.mul_(1.6 if parameter.ndim > 1 else 1.0)
    network.generation_config = transformers.GenerationConfig(pad_token_id=0, bos_token_id=1, eos_token_id=2)
    network.save_pretrained(folder)
    images.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    written = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**written, "processor_class": processor}))
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": processor}))
    marker = f"{tokenizer.image_start_token}{tokenizer.image_token}{tokenizer.image_end_token}"
    template = QWEN_TEMPLATE.replace("<|vision_start|><|image_pad|><|vision_end|>", marker)
    (folder / "chat_template.jinja").write_text(template)
    return folder
