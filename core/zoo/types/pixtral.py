"""Pixtral's tower, which takes images of any shape."""

from __future__ import annotations

from typing import Any

import transformers

from ..recipe import LATENT, SIDE, Recipe, text, tower
from ..tokenizer import build_tokenizer


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
            **LATENT,
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
