"""Images whose grid follows their shape."""

from __future__ import annotations

from typing import Any

import transformers

from ..recipe import SIDE, Recipe, text, tower
from ..tokenizer import build_tokenizer

PAD = "<|vision_start|><|image_pad|><|vision_end|>"
PLACED = "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"
GLM = "<|begin_of_image|><|image|><|end_of_image|>"
SIDES = {"shortest_edge": SIDE * SIDE, "longest_edge": 28 * 28 * 24}
THREE = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10_000.0}


def _qwen_tokenizer() -> Any:
    names = {"vision_start_token": "<|vision_start|>", "vision_end_token": "<|vision_end|>"}
    return build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>", **names)


def _qwen_ids(tokenizer: Any) -> dict[str, Any]:
    return {
        "image_token_id": tokenizer.image_token_id,
        "video_token_id": tokenizer.video_token_id,
        "vision_start_token_id": tokenizer.vision_start_token_id,
        "vision_end_token_id": tokenizer.vision_end_token_id,
    }


def _qwen_images(patch: int = 14) -> dict[str, Any]:
    return {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": patch, "merge_size": 2, "size": SIDES}


def qwen2_vl() -> Recipe:
    """A tower without windows."""
    tokenizer = _qwen_tokenizer()
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
        **_qwen_ids(tokenizer),
    )
    return Recipe(config, "Qwen2VLProcessor", _qwen_images(), tokenizer, PAD)


def qwen2_5_vl() -> Recipe:
    """A tower most of whose layers look at windows."""
    tokenizer = _qwen_tokenizer()
    config = transformers.Qwen2_5_VLConfig(
        text_config=text(tokenizer, model_type="qwen2_5_vl_text", rope_parameters=THREE),
        vision_config={**_vision(), "fullatt_block_indexes": [1], "window_size": 56},
        **_qwen_ids(tokenizer),
    )
    return Recipe(config, "Qwen2_5_VLProcessor", _qwen_images(), tokenizer, PAD)


def _vision(**more: Any) -> dict[str, Any]:
    return {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 64,
        "patch_size": 14,
        **more,
    }


def _qwen3(config: Any, kind: str, vision: dict[str, Any], **decoder: Any) -> Recipe:
    tokenizer = _qwen_tokenizer()
    rope = {**THREE, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    more = {"model_type": kind, "head_dim": 16, "rope_parameters": rope, **decoder}
    built = config(
        text_config=text(tokenizer, **more),
        vision_config=_vision(num_position_embeddings=64, **vision),
        **_qwen_ids(tokenizer),
    )
    return Recipe(built, "Qwen3VLProcessor", _qwen_images(), tokenizer, PAD)


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


def qwen3_vl() -> Recipe:
    """Visual features are added after the first two layers, too."""
    return _qwen3(transformers.Qwen3VLConfig, "qwen3_vl_text", DEEP)


def qwen3_vl_moe() -> Recipe:
    """As Qwen3-VL, with experts."""
    return _qwen3(transformers.Qwen3VLMoeConfig, "qwen3_vl_moe_text", DEEP, **EXPERTS)


def qwen3_5() -> Recipe:
    """Every other layer has no attention that compares positions."""
    return _qwen3(transformers.Qwen3_5Config, "qwen3_5_text", {}, **HYBRID)


def qwen3_5_moe() -> Recipe:
    """As Qwen3.5, with experts."""
    experts = {**EXPERTS, "shared_expert_intermediate_size": 32}
    return _qwen3(transformers.Qwen3_5MoeConfig, "qwen3_5_moe_text", {}, **HYBRID, **experts)


def exaone4_5() -> Recipe:
    """Qwen2.5-VL's windows over heads that share keys, before a decoder that norms after its parts."""
    tokenizer = _qwen_tokenizer()
    config = transformers.Exaone4_5_Config(
        text_config=text(tokenizer, model_type="exaone4", sliding_window=None, layer_types=["full_attention"] * 3),
        vision_config=_vision(fullatt_block_indexes=[1], window_size=56, num_key_value_heads=1),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    return Recipe(config, "Exaone4_5_Processor", _qwen_images(), tokenizer, PAD)


def hyperclovax_vision_v2() -> Recipe:
    """Qwen2.5-VL's windows, before a decoder whose positions count on one axis."""
    tokenizer = _qwen_tokenizer()
    config = transformers.HyperCLOVAXVisionV2Config(
        text_config=text(tokenizer, model_type="hyperclovax"),
        vision_config=_vision(model_type="qwen2_5_vl_vision", fullatt_block_indexes=[1], window_size=56),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    return Recipe(config, "HyperCLOVAXVisionV2Processor", _qwen_images(), tokenizer, "<|image_pad|>")


def lfm3_vl() -> Recipe:
    """A tower half of whose layers are convolutions, before a decoder of which the same holds."""
    tokenizer = _qwen_tokenizer()
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
        **_qwen_ids(tokenizer),
    )
    return Recipe(config, "Lfm3VlProcessor", _qwen_images(), tokenizer, PAD)


def _glm_tokenizer() -> Any:
    names = {f"{kind}_{side}": f"<|{edge}_of_{kind}|>" for kind in ("image", "video") for side, edge in EDGES}
    return build_tokenizer(image_token="<|image|>", video_token="<|video|>", **names)


EDGES = (("start_token", "begin"), ("end_token", "end"))


def _glm(config: Any, decoder: str | None, vision: str | None, processor: str, images: str, **more: Any) -> Recipe:
    tokenizer = _glm_tokenizer()
    rope = {**THREE, "mrope_section": [2, 1, 1], "partial_rotary_factor": 0.5}
    ids = {
        f"{kind}_{side}_id": getattr(tokenizer, f"{kind}_{side}_id") for kind in ("image", "video") for side, _ in EDGES
    }
    built = config(
        text_config=text(tokenizer, model_type=decoder, rope_parameters=rope, **more),
        vision_config=_vision(model_type=vision, image_size=112),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        **ids,
    )
    sides = {"shortest_edge": SIDE * SIDE * 2, "longest_edge": 28 * 28 * 48}
    settings = {"image_processor_type": images, "patch_size": 14, "merge_size": 2, "size": sides}
    return Recipe(built, processor, settings, tokenizer, GLM)


def glm4v() -> Recipe:
    """Half of each head turns with the position, on three axes."""
    return _glm(transformers.Glm4vConfig, "glm4v_text", "glm4v_vision", "Glm4vProcessor", "Glm4vImageProcessor")


def glm4v_moe() -> Recipe:
    """GLM-4.5V: as GLM-4V, with experts."""
    experts = {
        "moe_intermediate_size": 32,
        "num_experts_per_tok": 2,
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "first_k_dense_replace": 1,
        "head_dim": 16,
    }
    config = transformers.Glm4vMoeConfig
    return _glm(config, "glm4v_moe_text", "glm4v_moe_vision", "Glm4vProcessor", "Glm4vImageProcessor", **experts)


def glm46v() -> Recipe:
    """GLM-4.6V."""
    config = transformers.Glm46VConfig
    return _glm(config, "glm4v_text", "glm4v_vision", "Glm46VProcessor", "Glm46VImageProcessor")


def glm_ocr() -> Recipe:
    """GLM-OCR: its tower norms queries and keys."""
    config = transformers.GlmOcrConfig
    more = {"head_dim": 16}
    return _glm(config, "glm_ocr_text", "glm_ocr_vision", "Glm46VProcessor", "Glm46VImageProcessor", **more)


def glmga() -> Recipe:
    """Another name for what GLM-4.6V is, with an image processor of its own."""
    config = transformers.GlmgaConfig
    return _glm(config, "glm4v_text", "glm4v_vision", "Glm46VProcessor", "GlmgaImageProcessor")


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
        vision_config=_vision(),
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


def _pixtral_tokenizer(image: str = "[IMG]") -> Any:
    return build_tokenizer(image_token=image, image_break_token="[IMG_BREAK]", image_end_token="[IMG_END]")


def _pixtral_images() -> dict[str, Any]:
    patch = {"height": 14, "width": 14}
    edge = {"longest_edge": 2 * SIDE}
    return {"image_processor_type": "PixtralImageProcessor", "patch_size": patch, "size": edge}


def llava__pixtral() -> Recipe:
    """Pixtral: row ends are tokens of another kind."""
    tokenizer = _pixtral_tokenizer()
    config = transformers.LlavaConfig(
        text_config=text(tokenizer, model_type="mistral", sliding_window=None, head_dim=16),
        vision_config=tower(model_type="pixtral", image_size=2 * SIDE),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    return Recipe(
        config, "PixtralProcessor", _pixtral_images(), tokenizer, "[IMG]", {"patch_size": 14}, needs=("torchvision",)
    )


def mistral3() -> Recipe:
    """A Pixtral's tower, four of whose patches become one image token."""
    tokenizer = _pixtral_tokenizer()
    config = transformers.Mistral3Config(
        text_config=text(tokenizer, model_type="mistral", sliding_window=None, head_dim=16),
        vision_config=tower(model_type="pixtral", image_size=2 * SIDE),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        spatial_merge_size=2,
    )
    settings = {"patch_size": 14, "spatial_merge_size": 2}
    return Recipe(config, "PixtralProcessor", _pixtral_images(), tokenizer, "[IMG]", settings, needs=("torchvision",))


def mistral_large4() -> Recipe:
    """A Mistral 3 before a decoder with keys and values from a narrow latent, and experts."""
    tokenizer = _pixtral_tokenizer()
    config = transformers.MistralLarge4Config(
        text_config=text(
            tokenizer,
            num_key_value_heads=4,
            kv_lora_rank=16,
            q_lora_rank=16,
            qk_rope_head_dim=8,
            qk_nope_head_dim=16,
            v_head_dim=16,
            n_routed_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
            head_dim=8,
            index_head_dim=8,
            index_n_heads=2,
        ),
        vision_config=tower(model_type="pixtral", image_size=2 * SIDE),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layer=-1,
        spatial_merge_size=2,
    )
    settings = {"patch_size": 14, "spatial_merge_size": 2}
    return Recipe(config, "PixtralProcessor", _pixtral_images(), tokenizer, "[IMG]", settings, needs=("torchvision",))


def lighton_ocr() -> Recipe:
    """A Mistral 3 without tokens at the ends of rows."""
    tokenizer = _pixtral_tokenizer("<|image_pad|>")
    config = transformers.LightOnOcrConfig(
        text_config=text(tokenizer, model_type="qwen3", head_dim=16),
        vision_config=tower(model_type="pixtral", image_size=2 * SIDE),
        image_token_id=tokenizer.image_token_id,
        spatial_merge_size=2,
    )
    settings = {"patch_size": 14, "spatial_merge_size": 2}
    return Recipe(config, "LightOnOcrProcessor", _pixtral_images(), tokenizer, "<|image_pad|>", settings)


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
            num_key_value_heads=4,
            kv_lora_rank=16,
            q_lora_rank=16,
            qk_rope_head_dim=8,
            qk_nope_head_dim=16,
            v_head_dim=16,
            n_routed_experts=4,
            n_shared_experts=1,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
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
