"""Images that become one square, or squares of the same size beside each other."""

from __future__ import annotations

from typing import Any

import transformers

from ..recipe import SIDE, SIZE, Recipe, text, tower
from ..tokenizer import build_tokenizer

GRIDS = [[SIDE * rows, SIDE * columns] for rows, columns in ((1, 2), (2, 1), (2, 2), (3, 1), (1, 3))]
LLAVA = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
CROP = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": SIDE}, "crop_size": SIZE}


def _clip(**more: Any) -> dict[str, Any]:
    return tower(model_type="clip_vision_model", **more)


def _siglip(**more: Any) -> dict[str, Any]:
    return tower(model_type="siglip_vision_model", vision_use_head=False, **more)


def llava() -> Recipe:
    """4 x 4 image tokens over a centre crop, heads with keys of their own."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.LlavaConfig(
        text_config=text(tokenizer, model_type="llama", num_key_value_heads=4),
        vision_config=_clip(),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=16,
        vision_feature_layer=-1,
    )
    return Recipe(config, "LlavaProcessor", CROP, tokenizer, "<image>", LLAVA)


def llava__siglip() -> Recipe:
    """A tower without a class token, all of whose patches are read."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.LlavaConfig(
        text_config=text(tokenizer, model_type="qwen2"),
        vision_config=_siglip(),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=16,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    settings = {"patch_size": 14, "vision_feature_select_strategy": "full", "num_additional_image_tokens": 0}
    images = {"image_processor_type": "SiglipImageProcessor", "size": SIZE}
    return Recipe(config, "LlavaProcessor", images, tokenizer, "<image>", settings)


def vipllava() -> Recipe:
    """A projector that reads three layers of four beside each other."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.VipLlavaConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=_clip(num_hidden_layers=4),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=[-2, 1, 2],
        image_seq_length=16,
    )
    return Recipe(config, "LlavaProcessor", CROP, tokenizer, "<image>", LLAVA)


def llava_next() -> Recipe:
    """The whole picture in 4 x 4 tokens, and a second grid that follows its shape, with row ends."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.LlavaNextConfig(
        text_config=text(tokenizer, model_type="mistral", sliding_window=None),
        vision_config=_clip(),
        image_token_index=tokenizer.image_token_id,
        image_grid_pinpoints=GRIDS,
        vision_feature_layer=-1,
    )
    return Recipe(config, "LlavaNextProcessor", _next_images(), tokenizer, "<image>", LLAVA)


def llava_next_video() -> Recipe:
    """A LLaVA-NeXT that also takes videos."""
    tokenizer = build_tokenizer(image_token="<image>", video_token="<video>")
    config = transformers.LlavaNextVideoConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=_clip(),
        image_token_index=tokenizer.image_token_id,
        video_token_index=tokenizer.video_token_id,
        image_grid_pinpoints=GRIDS,
        vision_feature_layer=-1,
    )
    videos = {**CROP, "video_processor_type": "LlavaNextVideoVideoProcessor"}
    return Recipe(
        config,
        "LlavaNextVideoProcessor",
        _next_images(),
        tokenizer,
        "<image>",
        LLAVA,
        videos,
        video_placeholder="<video>",
    )


def _next_images() -> dict[str, Any]:
    return {**CROP, "image_processor_type": "LlavaNextImageProcessor", "image_grid_pinpoints": GRIDS}


def llava_onevision(most: int = 4) -> Recipe:
    """As LLaVA-NeXT over a tower without a class token, where a grid of more than about `most` squares is shrunk."""
    tokenizer = build_tokenizer(image_token="<image>", video_token="<video>")
    config = transformers.LlavaOnevisionConfig(
        text_config=text(tokenizer, model_type="qwen2"),
        vision_config=_siglip(),
        image_token_index=tokenizer.image_token_id,
        video_token_index=tokenizer.video_token_id,
        image_grid_pinpoints=GRIDS[:3],
        vision_aspect_ratio=f"anyres_max_{most}",
    )
    images = {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "size": SIZE,
        "image_grid_pinpoints": GRIDS[:3],
    }
    settings = {
        "vision_feature_select_strategy": "full",
        "vision_aspect_ratio": f"anyres_max_{most}",
        "num_image_tokens": 16,
    }
    videos = {"video_processor_type": "LlavaOnevisionVideoProcessor", "size": SIZE}
    return Recipe(
        config,
        "LlavaOnevisionProcessor",
        images,
        tokenizer,
        "<image>",
        settings,
        videos=videos,
        video_placeholder="<video>",
    )


def granite4_vision() -> Recipe:
    """As LLaVA-NeXT, its squares read by small transformers, whose outputs enter at several layers."""
    tokenizer = build_tokenizer(image_token="<image>")
    config = transformers.Granite4VisionConfig(
        text_config=text(tokenizer, model_type="granite4_vision_text"),
        # Its small transformers have heads of 64.
        vision_config=_siglip(hidden_size=128),
        image_token_index=tokenizer.image_token_id,
        image_grid_pinpoints=GRIDS,
        vision_feature_select_strategy="full",
        downsample_rate="1/2",
        deepstack_layer_map=[[-1, 0]],
        spatial_target_layers=[],
        qformer_config={
            "model_type": "blip_2_qformer",
            "hidden_size": 128,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "encoder_hidden_size": 128,
            "cross_attention_frequency": 1,
        },
    )
    settings = {"patch_size": 14, "vision_feature_select_strategy": "full", "downsample_rate": "1/2"}
    return Recipe(config, "Granite4VisionProcessor", _next_images(), tokenizer, "<image>", settings)


def paligemma() -> Recipe:
    """The whole prompt sees itself both ways, and its processor writes into it. Its checkpoints have no template."""
    tokenizer = build_tokenizer(image_token="<image>")
    # Its processor adds this many tokens for places and outlines.
    vocabulary = len(tokenizer) + 1024 + 128
    config = transformers.PaliGemmaConfig(
        text_config=text(tokenizer, model_type="gemma", head_dim=16, vocab_size=vocabulary),
        vision_config=tower(model_type="siglip_vision_model", projection_dim=64),
        image_token_index=tokenizer.image_token_id,
        projection_dim=64,
        hidden_size=64,
        vocab_size=vocabulary,
    )
    images = {"image_processor_type": "SiglipImageProcessor", "size": SIZE, "image_seq_length": 16}
    return Recipe(config, "PaliGemmaProcessor", images, tokenizer, "<image>")


def gemma3() -> Recipe:
    """The tokens of a picture see each other both ways, most layers through a sliding window."""
    tokenizer = _gemma_tokenizer()
    return Recipe(
        _gemma3(tokenizer),
        "Gemma3Processor",
        {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": 2 * SIDE, "width": 2 * SIDE}},
        tokenizer,
        "<start_of_image>",
        {"image_seq_length": 16},
    )


def _gemma_tokenizer() -> Any:
    names = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    return build_tokenizer(**names)


def _gemma3(tokenizer: Any) -> Any:
    more = {"model_type": "gemma3_text", "head_dim": 16, "sliding_window": 16, "query_pre_attn_scalar": 16}
    return transformers.Gemma3Config(
        text_config=text(tokenizer, **{**more, "num_hidden_layers": 6}),
        vision_config=tower(model_type="siglip_vision_model", image_size=2 * SIDE),
        image_token_index=tokenizer.image_token_id,
        boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        mm_tokens_per_image=16,
    )


def deepseek_vl() -> Recipe:
    """A square over the whole picture, padded where it is not one."""
    tokenizer = build_tokenizer(image_token="<image_placeholder>")
    config = transformers.DeepseekVLConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=_siglip(),
        image_token_id=tokenizer.image_token_id,
    )
    images = {"image_processor_type": "DeepseekVLImageProcessor", "size": SIZE}
    return Recipe(config, "DeepseekVLProcessor", images, tokenizer, "<image_placeholder>", {"num_image_tokens": 16})


def deepseek_vl_hybrid() -> Recipe:
    """A second tower looks at the same square in more detail."""
    tokenizer = build_tokenizer(image_token="<image_placeholder>")
    config = transformers.DeepseekVLHybridConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=_siglip(),
        high_res_vision_config={
            "model_type": "sam_vision_model",
            "hidden_size": 32,
            "output_channels": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 128,
            "patch_size": 16,
            "window_size": 4,
            "global_attn_indexes": [1],
            "mlp_dim": 64,
        },
        image_token_id=tokenizer.image_token_id,
    )
    images = {
        "image_processor_type": "DeepseekVLHybridImageProcessor",
        "size": SIZE,
        "high_res_size": {"height": 128, "width": 128},
    }
    settings = {"num_image_tokens": 16}
    return Recipe(config, "DeepseekVLHybridProcessor", images, tokenizer, "<image_placeholder>", settings)


def janus() -> Recipe:
    """A square over the padded picture; it draws pictures, too, which is not tried."""
    names = {"image_token": "<image_placeholder>", "boi_token": "<begin_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = build_tokenizer(**names)
    config = transformers.JanusConfig(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=tower(model_type="janus_vision_model", mlp_ratio=2, projection_dim=64, num_image_tokens=16),
        vq_config={
            "embed_dim": 8,
            "num_embeddings": 32,
            "latent_channels": 32,
            "base_channels": 32,
            "channel_multiplier": [1, 1],
            "num_res_blocks": 1,
            "num_patches": 4,
            "projection_dim": 64,
            "image_token_embed_dim": 64,
            "num_hidden_layers": 1,
        },
        image_token_id=tokenizer.image_token_id,
    )
    images = {"image_processor_type": "JanusImageProcessor", "size": SIZE, "image_size": SIDE, "min_size": 14}
    return Recipe(config, "JanusProcessor", images, tokenizer, "<image_placeholder>", {"num_image_tokens": 16})


def got_ocr2() -> Recipe:
    """A tower of SAM's make, whose windows and convolutions leave a quarter of the patches on each side."""
    tokenizer = build_tokenizer(image_token="<imgpad>")
    config = transformers.GotOcr2Config(
        text_config=text(tokenizer, model_type="qwen2"),
        vision_config={
            "hidden_size": 32,
            "output_channels": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 256,
            "patch_size": 4,
            "window_size": 8,
            "global_attn_indexes": [],
            "mlp_dim": 64,
        },
        image_token_index=tokenizer.image_token_id,
        image_seq_length=256,
    )
    images = {"image_processor_type": "GotOcr2ImageProcessor", "size": {"height": 256, "width": 256}}
    return Recipe(config, "GotOcr2Processor", images, tokenizer, "<imgpad>")
