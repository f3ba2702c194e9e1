"""Rotary positions on several axes, counted in ways of their own."""

from __future__ import annotations

import transformers

from ..recipe import SIDE, Recipe, text
from ..tokenizer import build_tokenizer
from ._shared import SIDES


def hunyuan_vl() -> Recipe:
    """Four axes, of which none is the order of the text, and row ends among the image tokens."""
    names = {"image_start_token": "<|vision_start|>", "image_end_token": "<|vision_end|>"}
    tokenizer = build_tokenizer(image_token="<image>", **names)
    rope = {"rope_type": "default", "mrope_section": [2, 2, 2, 2], "rope_theta": 10_000.0}
    config = transformers.HunYuanVLConfig(
        text_config=text(tokenizer, head_dim=16, rope_parameters=rope),
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
    images = {"image_processor_type": "HunYuanVLImageProcessor", "patch_size": 14, "merge_size": 2, "size": SIDES}
    placeholder = "<|vision_start|><image><|vision_end|>"
    return Recipe(config, "HunYuanVLProcessor", images, tokenizer, placeholder)


def cohere_compass() -> Recipe:
    """A Qwen3-VL's tower before a decoder each of whose layers may turn otherwise."""
    names = {"vision_start_token": "<|VISION_START|>", "vision_end_token": "<|VISION_END|>"}
    tokenizer = build_tokenizer(image_token="<|IMAGE_PAD|>", video_token="<|VIDEO_PAD|>", **names)
    rope = {"rope_type": "default", "mrope_section": [3, 3, 2], "rope_theta": 10_000.0, "mrope_interleaved": True}
    config = transformers.CohereCompassConfig(
        text_config=text(tokenizer, rope_parameters={"full_attention": rope}, logit_scale=0.5),
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "patch_size": 14,
            "out_hidden_size": 64,
            "deepstack_visual_indexes": [0],
            "num_position_embeddings": 64,
        },
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        vision_start_token_id=tokenizer.vision_start_token_id,
        vision_end_token_id=tokenizer.vision_end_token_id,
    )
    images = {"image_processor_type": "CohereCompassImageProcessor", "patch_size": 14, "merge_size": 2, "size": SIDES}
    placeholder = "<|VISION_START|><|IMAGE_PAD|><|VISION_END|>"
    return Recipe(config, "CohereCompassProcessor", images, tokenizer, placeholder)
