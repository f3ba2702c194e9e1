"""Rotary positions on several axes, counted in ways of their own."""

from __future__ import annotations

import transformers

from ..recipe import SIDE, Recipe, text, tower
from ..tokenizer import build_tokenizer
from .followed import DEEP, EXPERTS, HYBRID, PAD, THREE, _qwen3, _qwen_ids, _qwen_images, _qwen_tokenizer

SIDES = {"shortest_edge": SIDE * SIDE, "longest_edge": 28 * 28 * 24}


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


def cosmos3_omni() -> Recipe:
    """A Qwen3-VL under another name."""
    vision = {**DEEP, "model_type": "qwen3_vl_vision"}
    return _qwen3(transformers.Cosmos3OmniConfig, "qwen3_vl_text", vision)


def cosmos3_edge() -> Recipe:
    """A SigLIP of any shape; its processor gives the types of tokens only when asked."""
    tokenizer = _qwen_tokenizer()
    rope = {**THREE, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    vision = tower(num_patches=16, spatial_merge_size=2)
    del vision["image_size"]
    config = transformers.Cosmos3EdgeConfig(
        text_config=text(tokenizer, head_dim=16, rope_parameters=rope),
        vision_config=vision,
        projector_hidden_size=64,
        **_qwen_ids(tokenizer),
    )
    images = {**_qwen_images(), "image_processor_type": "Cosmos3EdgeImageProcessor"}
    return Recipe(config, "Cosmos3EdgeProcessor", images, tokenizer, PAD)


def minicpmv4_7() -> Recipe:
    """Thumbnail and slices stand on one canvas of positions."""
    names = {
        "image_start_token": "<image>",
        "image_end_token": "</image>",
        "slice_start_token": "<slice>",
        "slice_end_token": "</slice>",
        "image_id_start_token": "<image_id>",
        "image_id_end_token": "</image_id>",
    }
    tokenizer = build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>", **names)
    config = transformers.MiniCPMV4_7Config(
        text_config=text(tokenizer, model_type="qwen3_5_text", head_dim=16, **HYBRID),
        vision_config=tower(model_type="minicpmv4_7_vision", insert_layer_id=0, image_size=112),
        insert_layer_id=0,
        image_size=112,
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        image_start_id=tokenizer.image_start_token_id,
        image_end_id=tokenizer.image_end_token_id,
        slice_start_id=tokenizer.slice_start_token_id,
        slice_end_id=tokenizer.slice_end_token_id,
        newline_id=tokenizer.convert_tokens_to_ids("Ċ"),
    )
    images = {
        "image_processor_type": "MiniCPMV4_6ImageProcessor",
        "patch_size": 14,
        "scale_resolution": 112,
        "max_slice_nums": 4,
    }
    return Recipe(config, "MiniCPMV4_7Processor", images, tokenizer, "<|image_pad|>")


def qwen4_exp() -> Recipe:
    """A hybrid decoder of several streams, whose attention looks at chosen blocks alone."""
    more = {
        "shared_expert_intermediate_size": 32,
        "hc_count": 2,
        "hc_lowrank": 8,
        "ngram_vocab_size_base": 50,
        "make_ngram_vocab_size_divisible_by": 4,
        "split_ngram_parts": 1,
        "heads_per_ngram": 2,
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 16,
        "indexer_budget": 16,
        "indexer_compress_ratio": 4,
    }
    return _qwen3(transformers.Qwen4ExpConfig, "qwen4_exp_text", {}, **HYBRID, **EXPERTS, **more)
