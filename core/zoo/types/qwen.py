"""Qwen's vision-language models, and those that are built of their parts."""

from __future__ import annotations

import transformers

from ..recipe import Recipe, text, tower
from ._shared import (
    DEEP,
    EXPERTS,
    HYBRID,
    PAD,
    THREE,
    VIDEO,
    qwen3,
    qwen_ids,
    qwen_images,
    qwen_tokenizer,
    qwen_videos,
    vision_settings,
)


def qwen2_vl() -> Recipe:
    """A tower without windows."""
    tokenizer = qwen_tokenizer()
    config = transformers.Qwen2VLConfig(
        text_config=text(tokenizer, model_type="qwen2_vl_text", rope_parameters=THREE, head_dim=16),
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 64,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": 14,
        },
        **qwen_ids(tokenizer),
    )
    videos = qwen_videos("Qwen2VL")
    return Recipe(config, "Qwen2VLProcessor", qwen_images(), tokenizer, PAD, videos=videos, video_placeholder=VIDEO)


def qwen2_5_vl() -> Recipe:
    """A tower most of whose layers look at windows."""
    tokenizer = qwen_tokenizer()
    config = transformers.Qwen2_5_VLConfig(
        text_config=text(tokenizer, model_type="qwen2_5_vl_text", rope_parameters=THREE),
        vision_config={**vision_settings(), "fullatt_block_indexes": [1], "window_size": 56},
        **qwen_ids(tokenizer),
    )
    videos = qwen_videos("Qwen2VL")
    return Recipe(config, "Qwen2_5_VLProcessor", qwen_images(), tokenizer, PAD, videos=videos, video_placeholder=VIDEO)


def qwen3_vl() -> Recipe:
    """Visual features are added after the first two layers, too."""
    return qwen3(transformers.Qwen3VLConfig, "qwen3_vl_text", DEEP)


def qwen3_vl_moe() -> Recipe:
    """As Qwen3-VL, with experts."""
    return qwen3(transformers.Qwen3VLMoeConfig, "qwen3_vl_moe_text", DEEP, **EXPERTS)


def qwen3_5() -> Recipe:
    """Every other layer has no attention that compares positions."""
    return qwen3(transformers.Qwen3_5Config, "qwen3_5_text", {}, **HYBRID)


def qwen3_5_moe() -> Recipe:
    """As Qwen3.5, with experts."""
    experts = {**EXPERTS, "shared_expert_intermediate_size": 32}
    return qwen3(transformers.Qwen3_5MoeConfig, "qwen3_5_moe_text", {}, **HYBRID, **experts)


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
    return qwen3(transformers.Qwen4ExpConfig, "qwen4_exp_text", {}, **HYBRID, **EXPERTS, **more)


def exaone4_5() -> Recipe:
    """Qwen2.5-VL's windows over heads that share keys, before a decoder that norms after its parts."""
    tokenizer = qwen_tokenizer()
    config = transformers.Exaone4_5_Config(
        text_config=text(tokenizer, model_type="exaone4", sliding_window=None, layer_types=["full_attention"] * 3),
        vision_config=vision_settings(fullatt_block_indexes=[1], window_size=56, num_key_value_heads=1),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    return Recipe(config, "Exaone4_5_Processor", qwen_images(), tokenizer, PAD)


def hyperclovax_vision_v2() -> Recipe:
    """Qwen2.5-VL's windows, before a decoder whose positions count on one axis."""
    tokenizer = qwen_tokenizer()
    config = transformers.HyperCLOVAXVisionV2Config(
        text_config=text(tokenizer, model_type="hyperclovax"),
        vision_config=vision_settings(model_type="qwen2_5_vl_vision", fullatt_block_indexes=[1], window_size=56),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    return Recipe(config, "HyperCLOVAXVisionV2Processor", qwen_images(), tokenizer, "<|image_pad|>")


def lfm3_vl() -> Recipe:
    """A tower half of whose layers are convolutions, before a decoder of which the same holds."""
    tokenizer = qwen_tokenizer()
    config = transformers.Lfm3VlConfig(
        text_config=text(tokenizer, model_type="lfm3", head_dim=16),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "patch_size": 14,
        },
        projector_hidden_size=64,
        **qwen_ids(tokenizer),
    )
    return Recipe(config, "Lfm3VlProcessor", qwen_images(), tokenizer, PAD)


def cosmos3_omni() -> Recipe:
    """A Qwen3-VL under another name."""
    vision = {**DEEP, "model_type": "qwen3_vl_vision"}
    return qwen3(transformers.Cosmos3OmniConfig, "qwen3_vl_text", vision)


def cosmos3_edge() -> Recipe:
    """A SigLIP of any shape; its processor gives the types of tokens only when asked."""
    tokenizer = qwen_tokenizer()
    rope = {**THREE, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    vision = tower(num_patches=16, spatial_merge_size=2)
    del vision["image_size"]
    config = transformers.Cosmos3EdgeConfig(
        text_config=text(tokenizer, head_dim=16, rope_parameters=rope),
        vision_config=vision,
        projector_hidden_size=64,
        **qwen_ids(tokenizer),
    )
    images = {**qwen_images(), "image_processor_type": "Cosmos3EdgeImageProcessor"}
    return Recipe(config, "Cosmos3EdgeProcessor", images, tokenizer, PAD)
