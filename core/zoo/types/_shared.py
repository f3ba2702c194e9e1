"""What several types whose grid follows the image have in common."""

from __future__ import annotations

from typing import Any

from ..recipe import SIDE, Recipe, text
from ..tokenizer import build_tokenizer

PAD = "<|vision_start|><|image_pad|><|vision_end|>"
VIDEO = "<|vision_start|><|video_pad|><|vision_end|>"
SIDES = {"shortest_edge": SIDE * SIDE, "longest_edge": 28 * 28 * 24}
THREE = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}
DEEP = {"depth": 3, "deepstack_visual_indexes": [0, 1]}
EXPERTS = {"moe_intermediate_size": 32, "num_experts_per_tok": 2, "num_experts": 4}
HYBRID: dict[str, Any] = {
    "num_hidden_layers": 4,
    "layer_types": ["linear_attention", "full_attention", "linear_attention", "full_attention"],
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "rope_parameters": {**THREE, "mrope_section": [2, 1, 1], "mrope_interleaved": True, "partial_rotary_factor": 0.5},
}


def qwen_tokenizer() -> Any:
    names = {"vision_start_token": "<|vision_start|>", "vision_end_token": "<|vision_end|>"}
    return build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>", **names)


def qwen_ids(tokenizer: Any) -> dict[str, Any]:
    return {
        "image_token_id": tokenizer.image_token_id,
        "video_token_id": tokenizer.video_token_id,
        "vision_start_token_id": tokenizer.vision_start_token_id,
        "vision_end_token_id": tokenizer.vision_end_token_id,
    }


def qwen_images(patch: int = 14) -> dict[str, Any]:
    return {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": patch, "merge_size": 2, "size": SIDES}


def qwen_videos(kind: str) -> dict[str, Any]:
    return {"video_processor_type": f"{kind}VideoProcessor", "patch_size": 14, "merge_size": 2, "size": SIDES}


def vision_settings(**more: Any) -> dict[str, Any]:
    return {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
        "patch_size": 14,
        **more,
    }


def qwen3(config: Any, kind: str, vision: dict[str, Any], **decoder: Any) -> Recipe:
    tokenizer = qwen_tokenizer()
    rope = {**THREE, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    more = {"model_type": kind, "head_dim": 16, "rope_parameters": rope, **decoder}
    built = config(
        text_config=text(tokenizer, **more),
        vision_config=vision_settings(num_position_embeddings=64, **vision),
        **qwen_ids(tokenizer),
    )
    videos = qwen_videos("Qwen3VL")
    return Recipe(built, "Qwen3VLProcessor", qwen_images(), tokenizer, PAD, videos=videos, video_placeholder=VIDEO)
