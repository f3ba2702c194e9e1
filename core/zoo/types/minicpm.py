"""MiniCPM-V: a thumbnail and slices of any shape, merged twice, before a hybrid decoder."""

from __future__ import annotations

from typing import Any

import transformers

from ..recipe import Recipe, text, tower
from ..tokenizer import build_tokenizer
from ._shared import HYBRID

NAMES = {
    f"{part}_{edge}_token": f"<{slash}{part}>"
    for part in ("image", "slice", "image_id")
    for edge, slash in (("start", ""), ("end", "/"))
}
"""The words around an image, a slice of it and its number."""


def _tokenizer() -> Any:
    return build_tokenizer(image_token="<|image_pad|>", video_token="<|video_pad|>", **NAMES)


def _minicpm(version: str, config: Any, tokenizer: Any, decoder: dict[str, Any], **more: Any) -> Recipe:
    built = config(
        text_config=text(tokenizer, model_type="qwen3_5_text", head_dim=16, **decoder),
        vision_config=tower(model_type=f"minicpmv{version}_vision", insert_layer_id=0, image_size=112),
        insert_layer_id=0,
        image_size=112,
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        **more,
    )
    images = {
        "image_processor_type": "MiniCPMV4_6ImageProcessor",
        "patch_size": 14,
        "scale_resolution": 112,
        "max_slice_nums": 4,
    }
    return Recipe(built, f"MiniCPMV{version}Processor", images, tokenizer, "<|image_pad|>")


def minicpmv4_6() -> Recipe:
    """Positions on one axis."""
    hybrid = {name: value for name, value in HYBRID.items() if name != "rope_parameters"}
    return _minicpm("4_6", transformers.MiniCPMV4_6Config, _tokenizer(), hybrid)


def minicpmv4_7() -> Recipe:
    """Thumbnail and slices stand on one canvas of positions."""
    tokenizer = _tokenizer()
    edges = [f"{part}_{edge}" for part in ("image", "slice") for edge in ("start", "end")]
    ids = {f"{edge}_id": getattr(tokenizer, f"{edge}_token_id") for edge in edges}
    newline = tokenizer.convert_tokens_to_ids("Ċ")
    return _minicpm("4_7", transformers.MiniCPMV4_7Config, tokenizer, HYBRID, newline_id=newline, **ids)
