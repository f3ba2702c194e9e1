"""Images whose grid follows their shape."""

from __future__ import annotations

from typing import Any

import transformers

from ..recipe import LATENT, Recipe, text, tower
from ..tokenizer import build_tokenizer
from ._shared import SIDES, THREE, vision_settings

PLACED = "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"


def paddleocr_vl() -> Recipe:
    """A SigLIP that takes any shape, merged 2 x 2."""
    names = {"image_start_token": "<|IMAGE_START|>", "image_end_token": "<|IMAGE_END|>"}
    tokenizer = build_tokenizer(image_token="<|IMAGE_PLACEHOLDER|>", video_token="<|video_pad|>", **names)
    config = transformers.PaddleOCRVLConfig(
        text_config=text(tokenizer, model_type="paddleocr_vl_text", head_dim=16, rope_parameters=THREE),
        vision_config=tower(model_type="paddleocr_vl_vision", spatial_merge_size=2),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    images = {
        "image_processor_type": "PaddleOCRVLImageProcessor",
        "patch_size": 14,
        "merge_size": 2,
        "size": SIDES,
        "min_pixels": SIDES["shortest_edge"],
        "max_pixels": SIDES["longest_edge"],
    }
    return Recipe(config, "PaddleOCRVLProcessor", images, tokenizer, PLACED)


def ernie4_5_vl_moe() -> Recipe:
    """ERNIE 4.5 VL: experts for text and others for images."""
    names = {
        f"{kind}_{edge.lower()}_token": f"<|{kind.upper()}_{edge}|>"
        for kind in ("image", "video")
        for edge in ("START", "END")
    }
    tokenizer = build_tokenizer(image_token="<|IMAGE_PLACEHOLDER|>", video_token="<|VIDEO_PLACEHOLDER|>", **names)
    config = transformers.Ernie4_5_VLMoeConfig(
        text_config=text(
            tokenizer,
            model_type="ernie4_5_vl_moe_text",
            rope_parameters={**THREE, "mrope_section": [3, 3, 2]},
            moe_intermediate_size=[32, 32],
            moe_k=2,
            moe_num_experts=4,
            moe_num_shared_experts=1,
            mlp_layer_types=["dense", "sparse", "sparse"],
        ),
        vision_config=vision_settings(),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    images = {
        "image_processor_type": "Ernie4_5_VLMoeImageProcessor",
        "patch_size": 14,
        "merge_size": 2,
        "size": SIDES,
    }
    videos = {"video_processor_type": "Ernie4_5_VLMoeVideoProcessor", "draw_on_frames": False}
    return Recipe(config, "Ernie4_5_VLMoeProcessor", images, tokenizer, PLACED, {}, videos)


def video_llama_3() -> Recipe:
    """A tower of any shape whose patches are merged by averaging, on one axis of positions."""
    tokenizer = build_tokenizer(image_token="<image>", video_token="<video>")
    config = transformers.VideoLlama3Config(
        text_config=text(tokenizer, model_type="qwen2"),
        vision_config=tower(model_type="video_llama_3_vision"),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    images = {"image_processor_type": "VideoLlama3ImageProcessor", "patch_size": 14, "merge_size": 2, "size": SIDES}
    return Recipe(config, "VideoLlama3Processor", images, tokenizer, "<image>")


def _gemma4_tokenizer() -> Any:
    names = {"image_token": "<|image|>", "boi_token": "<|image>", "eoi_token": "<image|>"}
    audio = {"audio_token": "<|audio|>", "boa_token": "<|audio>", "eoa_token": "<audio|>"}
    return build_tokenizer(**names, **audio, video_token="<|video|>")


def _gemma4(**decoder: Any) -> Recipe:
    tokenizer = _gemma4_tokenizer()
    layers = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    config = transformers.Gemma4Config(
        text_config=text(
            tokenizer,
            model_type="gemma4_text",
            **{
                "head_dim": 16,
                "num_hidden_layers": 4,
                "sliding_window": 16,
                "layer_types": layers,
                "vocab_size_per_layer_input": len(tokenizer),
                "hidden_size_per_layer_input": 8,
                **decoder,
            },
        ),
        vision_config={
            "model_type": "gemma4_vision",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "patch_size": 14,
            "pooling_kernel_size": 2,
            "position_embedding_size": 64,
        },
        audio_config=None,
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        audio_token_id=tokenizer.audio_token_id,
        boi_token_id=tokenizer.boi_token_id,
        eoi_token_id=tokenizer.eoi_token_id,
    )
    images = {
        "image_processor_type": "Gemma4ImageProcessor",
        "patch_size": 14,
        "max_soft_tokens": 70,
        "pooling_kernel_size": 2,
    }
    return Recipe(config, "Gemma4Processor", images, tokenizer, "<|image|>", {"image_seq_length": 70})


def gemma3n() -> Recipe:
    """Several residual streams beside each other, keys and values that layers share, and timm's smallest tower of its
    kind, which has 80 million weights."""
    boundaries = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    audio = {"audio_token": "<audio_soft_token>", "boa_token": "<start_of_audio>", "eoa_token": "<end_of_audio>"}
    tokenizer = build_tokenizer(image_token="<image_soft_token>", **boundaries, **audio)
    config = transformers.Gemma3nConfig(
        text_config=text(
            tokenizer,
            model_type="gemma3n_text",
            head_dim=16,
            num_hidden_layers=4,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
            num_kv_shared_layers=2,
            vocab_size_per_layer_input=len(tokenizer),
            hidden_size_per_layer_input=8,
            laurel_rank=4,
            altup_num_inputs=2,
            activation_sparsity_pattern=[0.0] * 4,
        ),
        vision_config={
            "model_type": "gemma3n_vision",
            "architecture": "mobilenetv5_base",
            "hidden_size": 2048,
            "vocab_size": 8,
            "vocab_offset": len(tokenizer),
            "model_args": None,
        },
        audio_config={
            "vocab_size": 8,
            "vocab_offset": len(tokenizer) + 8,
            "hidden_size": 32,
            "conf_num_attention_heads": 2,
            "conf_num_hidden_layers": 1,
            "sscp_conv_channel_size": (4, 4),
        },
        image_token_id=tokenizer.image_token_id,
        audio_token_id=tokenizer.audio_token_id,
        vision_soft_tokens_per_image=256,
    )
    images = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 256, "width": 256}}
    return Recipe(
        config,
        "Gemma3nProcessor",
        images,
        tokenizer,
        "<image_soft_token>",
        {"image_seq_length": 256},
        needs=("timm", "torchvision"),
        convolves=True,
    )


def gemma4() -> Recipe:
    """Every layer has keys and values of its own."""
    return _gemma4()


def gemma4__shared_keys() -> Recipe:
    """The last two layers use the keys and values of earlier ones."""
    return _gemma4(num_kv_shared_layers=2)


def kimi_k25() -> Recipe:
    """Keys and values from a narrow latent, and experts."""
    tokenizer = build_tokenizer(image_token="<|media_pad|>", video_token="<|kimi_k25_video_placeholder|>")
    config = transformers.Kimi_K25Config(
        text_config=text(
            tokenizer,
            model_type="deepseek_v3",
            **LATENT,
            n_shared_experts=1,
            n_group=1,
            topk_group=1,
            first_k_dense_replace=1,
        ),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": 14,
            "pos_emb_height": 8,
            "pos_emb_width": 8,
        },
        projection_hidden_size=32,
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    images = {
        "image_processor_type": "Kimi_K25ImageProcessor",
        "patch_size": 14,
        "merge_kernel_size": 2,
        "max_patches": 96,
    }
    return Recipe(config, "Kimi_K25Processor", images, tokenizer, "<|media_pad|>", needs=("torchvision",))
