"""Images that are cut into tiles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import transformers

from ..recipe import SIDE, SIZE, Recipe, text, tower
from ..tokenizer import build_tokenizer

TILES = {"size": SIZE, "crop_to_patches": True, "min_patches": 1, "max_patches": 6}


def _siglip(**more: Any) -> dict[str, Any]:
    return tower(model_type="siglip_vision_model", vision_use_head=False, **more)


def internvl() -> Recipe:
    """Up to six tiles of four tokens and a thumbnail."""
    names = {"context_image_token": "<IMG_CONTEXT>", "start_image_token": "<img>", "end_image_token": "</img>"}
    tokenizer = build_tokenizer(**names, video_token="<video>")
    config = transformers.InternVLConfig(
        text_config=text(tokenizer, model_type="qwen2"),
        vision_config=tower(image_size=[SIDE, SIDE], patch_size=[14, 14]),
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    images = {"image_processor_type": "GotOcr2ImageProcessor", **TILES}
    return Recipe(config, "InternVLProcessor", images, tokenizer, "<IMG_CONTEXT>", {"image_seq_length": 4})


def qianfan_ocr() -> Recipe:
    """An InternVL over another decoder."""
    names = {"context_image_token": "<IMG_CONTEXT>", "start_image_token": "<img>", "end_image_token": "</img>"}
    tokenizer = build_tokenizer(**names, video_token="<video>")
    config = transformers.QianfanOCRConfig(
        text_config=text(tokenizer, model_type="qwen3", head_dim=16),
        vision_config=tower(image_size=[SIDE, SIDE], patch_size=[14, 14]),
        image_token_id=tokenizer.context_image_token_id,
        image_seq_length=4,
    )
    images = {"image_processor_type": "GotOcr2ImageProcessor", **TILES}
    return Recipe(config, "QianfanOCRProcessor", images, tokenizer, "<image>", {"image_seq_length": 4})


def aya_vision() -> Recipe:
    """The tiles of an InternVL over a SigLIP."""
    names = {"img_patch_token": "<|IMG_PATCH|>", "start_of_img_token": "<|START_OF_IMG|>"}
    tokenizer = build_tokenizer(**names, end_of_img_token="<|END_OF_IMG|>")
    config = transformers.AyaVisionConfig(
        text_config=text(tokenizer, model_type="cohere2", sliding_window=16),
        vision_config=_siglip(),
        image_token_index=tokenizer.img_patch_token_id,
    )
    images = {"image_processor_type": "GotOcr2ImageProcessor", **TILES}
    settings = {"patch_size": 14, "img_size": SIDE, "downsample_factor": 2}
    return Recipe(config, "AyaVisionProcessor", images, tokenizer, "<image>", settings)


def cohere2_vision() -> Recipe:
    """Tiles with a line break after each, and a thumbnail last."""
    names = {"image_token": "<|IMG_PATCH|>", "img_line_break_token": "<|IMG_LINE_BREAK|>"}
    tokenizer = build_tokenizer(**names, boi_token="<|START_OF_IMG|>", eoi_token="<|END_OF_IMG|>")
    config = transformers.Cohere2VisionConfig(
        text_config=text(tokenizer, model_type="cohere2", sliding_window=16),
        vision_config=_siglip(),
        image_token_id=tokenizer.image_token_id,
        alignment_intermediate_size=64,
    )
    images = {
        "image_processor_type": "Cohere2VisionImageProcessor",
        **TILES,
        # Here this says how many tokens wide a tile is.
        "patch_size": 2,
        "downsample_factor": 2,
    }
    return Recipe(config, "Cohere2VisionProcessor", images, tokenizer, "<|IMG_PATCH|>", needs=("torchvision",))


def _idefics3(tokenizer: Any, config: Any, images: str, processor: str) -> Recipe:
    built = config(
        text_config=text(tokenizer, model_type="llama"),
        vision_config=tower(),
        image_token_id=tokenizer.image_token_id,
        scale_factor=2,
    )
    settings = {
        "image_processor_type": images,
        "size": {"longest_edge": 3 * SIDE},
        "max_image_size": {"longest_edge": SIDE},
    }
    return Recipe(built, processor, settings, tokenizer, "<image>", {"image_seq_len": 4})


def _tagged() -> Any:
    tags = {f"tag_{r}{c}": f"<row_{r}_col_{c}>" for r in range(1, 4) for c in range(1, 4)}
    names = {"fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>"}
    more = {"end_of_utterance_token": "<end_of_utterance>"}
    return build_tokenizer(image_token="<image>", **names, **tags, **more)


def idefics3() -> Recipe:
    """Rows and columns of tiles with tags between them, and the whole picture last."""
    return _idefics3(_tagged(), transformers.Idefics3Config, "Idefics3ImageProcessor", "Idefics3Processor")


def smolvlm() -> Recipe:
    """As Idefics 3."""
    recipe = _idefics3(_tagged(), transformers.SmolVLMConfig, "SmolVLMImageProcessor", "SmolVLMProcessor")
    sampling = {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": SIDE}}
    images = {"max_image_size": {"longest_edge": SIDE}, "video_sampling": sampling}
    return replace(recipe, videos={"video_processor_type": "SmolVLMVideoProcessor", **images})


def ovis2() -> Recipe:
    """Image tokens are mixtures of a visual vocabulary, between tokens that tell of tiles."""
    kinds = ("start", "grid", "col", "row", "end")
    tags = {f"img_{kind}": f"<IMG_{kind.upper()}>" for kind in kinds}
    tokenizer = build_tokenizer(image_token="<image>", atom_token="<IMG_ATOM>", **tags)
    config = transformers.Ovis2Config(
        text_config=text(tokenizer, model_type="qwen2"),
        vision_config=tower(vocab_size=40, hidden_stride=2, num_visual_indicator_tokens=5),
        image_token_id=tokenizer.atom_token_id,
        visual_indicator_token_ids=[getattr(tokenizer, f"{tag}_id") for tag in tags],
        vocab_size=len(tokenizer),
        hidden_size=64,
    )
    images = {"image_processor_type": "Ovis2ImageProcessor", **TILES}
    return Recipe(config, "Ovis2Processor", images, tokenizer, "<image>", {"image_seq_length": 4})


def llama4() -> Recipe:
    """Tiles with separators, and the whole picture last; some layers count no positions, and look at chunks."""
    names = {
        "image_token": "<|image|>",
        "patch_token": "<|patch|>",
        "image_start_token": "<|image_start|>",
        "image_end_token": "<|image_end|>",
        "tile_x": "<|tile_x_separator|>",
        "tile_y": "<|tile_y_separator|>",
    }
    tokenizer = build_tokenizer(**names)
    config = transformers.Llama4Config(
        text_config=text(
            tokenizer,
            model_type="llama4_text",
            num_hidden_layers=4,
            head_dim=16,
            intermediate_size_mlp=96,
            num_local_experts=2,
            interleave_moe_layer_step=2,
            attention_chunk_size=32,
        ),
        vision_config={
            "model_type": "llama4_vision_model",
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 128,
            "vision_output_dim": 48,
            "image_size": SIDE,
            "patch_size": 14,
            "projector_input_dim": 48,
            "projector_output_dim": 48,
        },
        image_token_index=tokenizer.patch_token_id,
        boi_token_index=tokenizer.image_start_token_id,
        eoi_token_index=tokenizer.image_end_token_id,
    )
    images = {"image_processor_type": "Llama4ImageProcessor", "size": SIZE, "max_patches": 4}
    return Recipe(config, "Llama4Processor", images, tokenizer, "<|image|>", {"patch_size": 14}, needs=("torchvision",))


def lfm2_vl() -> Recipe:
    """Tiles and a thumbnail that follows the picture, before a decoder half of whose layers are convolutions."""
    tags = {f"tag_{r}{c}": f"<|img_row_{r}_col_{c}|>" for r in range(1, 5) for c in range(1, 5)}
    names = {"image_start_token": "<|image_start|>", "image_end_token": "<|image_end|>"}
    tokenizer = build_tokenizer(image_token="<image>", image_thumbnail_token="<|img_thumbnail|>", **names, **tags)
    config = transformers.Lfm2VlConfig(
        text_config=text(
            tokenizer,
            model_type="lfm2",
            num_hidden_layers=4,
            layer_types=["conv", "full_attention", "conv", "full_attention"],
        ),
        vision_config={
            "model_type": "siglip2_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_patches": 64,
            "patch_size": 14,
            "vision_use_head": False,
        },
        image_token_id=tokenizer.image_token_id,
        downsample_factor=2,
        projector_hidden_size=64,
    )
    images = {
        "image_processor_type": "Lfm2VlImageProcessor",
        "encoder_patch_size": 14,
        "downsample_factor": 2,
        "tile_size": SIDE,
        "min_image_tokens": 4,
        "max_image_tokens": 16,
        "max_tiles": 4,
        "min_tiles": 2,
        "max_num_patches": 64,
    }
    return Recipe(config, "Lfm2VlProcessor", images, tokenizer, "<image>", needs=("torchvision",))


def molmo2() -> Recipe:
    """Overlapping crops, pooled by attention, and the whole picture first."""
    names = {
        "im_patch": "<im_patch>",
        "im_col": "<im_col>",
        "im_start": "<im_start>",
        "im_end": "<im_end>",
        "low_res": "<low_res_im_start>",
        "frame_start": "<frame_start>",
        "frame_end": "<frame_end>",
        "im_low": "<im_low>",
    }
    tokenizer = build_tokenizer(image_token="<|image|>", video_token="<|video|>", **names)
    config = transformers.Molmo2Config(
        text_config={
            **text(tokenizer, head_dim=16),
            "additional_vocab_size": 8,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "image_size": [SIDE, SIDE],
            "patch_size": 14,
            "num_position_embeddings": 16,
        },
        adapter_config={
            "vision_feature_layer": [-1],
            "hidden_size": 32,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "intermediate_size": 64,
            "text_hidden_size": 64,
        },
        image_patch_id=tokenizer.im_patch_id,
        image_start_token_id=tokenizer.im_start_id,
        image_end_token_id=tokenizer.im_end_id,
        low_res_image_start_token_id=tokenizer.low_res_id,
        frame_start_token_id=tokenizer.frame_start_id,
        frame_end_token_id=tokenizer.frame_end_id,
    )
    images = {
        "image_processor_type": "Molmo2ImageProcessor",
        "size": SIZE,
        "patch_size": 14,
        "max_crops": 4,
        "overlap_margins": [1, 1],
        "pooling_size": [2, 2],
    }
    return Recipe(config, "Molmo2Processor", images, tokenizer, "<|image|>", needs=("torchvision",))


def aria() -> Recipe:
    """A resampler with as many queries as fit the number of patches, and experts."""
    tokenizer = build_tokenizer(image_token="<|img|>")
    config = transformers.AriaConfig(
        text_config=text(tokenizer, moe_num_experts=4, moe_topk=2, moe_num_shared_experts=1, head_dim=16),
        vision_config=tower(model_type="idefics3_vision", image_size=980, patch_size=140),
        image_token_index=tokenizer.image_token_id,
        projector_patch_to_query_dict={49: 4},
    )
    images = {"image_processor_type": "AriaImageProcessor", "max_image_size": 980}
    return Recipe(config, "AriaProcessor", images, tokenizer, "<|img|>", {"size_conversion": {980: 4}})


def granite_docling() -> Recipe:
    """As Idefics 3, over a decoder that scales what it reads, and to whose first layers the tower adds."""
    tokenizer = _tagged()
    # With its own, next to nothing would rest on the attention of a network this small.
    multipliers = {"embedding_multiplier": 2.0, "residual_multiplier": 0.5, "attention_multiplier": 1.0}
    config = transformers.GraniteDoclingConfig(
        text_config=text(tokenizer, model_type="granite_docling_text", logits_scaling=0.25, **multipliers),
        vision_config=tower(
            model_type="granite_docling_vision",
            scale_factor=2,
            out_hidden_size=64,
            deepstack_visual_indexes=[0, 1],
            use_fine_route=False,
        ),
        image_token_id=tokenizer.image_token_id,
    )
    images = {"image_processor_type": "GraniteDoclingImageProcessor", "size": SIZE, "max_patches": 4}
    return Recipe(config, "GraniteDoclingProcessor", images, tokenizer, "<image>", {"image_seq_len": 4})
