"""GLM's vision-language models."""

from __future__ import annotations

from typing import Any

import transformers

from ..recipe import SIDE, Recipe, text
from ..tokenizer import build_tokenizer
from ._shared import THREE, vision_settings

GLM = "<|begin_of_image|><|image|><|end_of_image|>"
EDGES = (("start_token", "begin"), ("end_token", "end"))


def _glm_tokenizer() -> Any:
    names = {f"{kind}_{side}": f"<|{edge}_of_{kind}|>" for kind in ("image", "video") for side, edge in EDGES}
    return build_tokenizer(image_token="<|image|>", video_token="<|video|>", **names)


def _glm(config: Any, decoder: str | None, vision: str | None, processor: str, images: str, **more: Any) -> Recipe:
    tokenizer = _glm_tokenizer()
    rope = {**THREE, "mrope_section": [2, 1, 1], "partial_rotary_factor": 0.5}
    ids = {
        f"{kind}_{side}_id": getattr(tokenizer, f"{kind}_{side}_id") for kind in ("image", "video") for side, _ in EDGES
    }
    built = config(
        text_config=text(tokenizer, model_type=decoder, rope_parameters=rope, **more),
        vision_config=vision_settings(model_type=vision, image_size=112),
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
