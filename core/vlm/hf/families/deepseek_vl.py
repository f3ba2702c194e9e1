"""DeepSeek-VL and Janus: a square over the image, which is resized and then padded where it is not one."""

from __future__ import annotations

from math import isqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ....answer import Box, PatchView
from ._rasters import Rasters
from ._squares import encoder_layers, square_places
from .base import Family, Tower
from .context import ImageSize, PromptContext


class DeepseekVL(Family):
    """DeepSeek-VL, with a second tower for details and without, and Janus. Only the tower of the one without is
    described."""

    key = "deepseek_vl"
    name = "DeepSeek-VL, Janus"
    model_types = ("deepseek_vl", "deepseek_vl_hybrid", "janus")
    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        side = isqrt(context.processor.num_image_tokens)
        return f"{side} x {side}"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, side = Rasters(context.image_positions), isqrt(context.processor.num_image_tokens)
        for image, size in enumerate(context.image_sizes):
            rasters.add(image, "picture", side, side, padded_square(context.processor.image_processor, size))
        return rasters.all()

    def tower(self, context: PromptContext) -> Tower | None:
        if context.config.model_type != "deepseek_vl":
            return None
        base, images = context.network.model, context.inputs["pixel_values"].shape[0]
        vision, side = base.vision_model, isqrt(context.processor.num_image_tokens)
        layers = encoder_layers(vision)
        if layers is None:
            return None

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = base.aligner(vision.post_layernorm(states).view(images, side**2, -1))
            return hidden.flatten(0, 1)[None]

        place_of = square_places(images, side).to(context.inputs["input_ids"].device)
        return Tower(layers, place_of, torch.nn.ModuleList([vision.post_layernorm, base.aligner]), project)


def padded_square(images: Any, size: ImageSize) -> Box:
    """The box of the square that an image is padded to: its longer edge is resized to the square's side, its shorter
    one to `min_size` at least."""
    side, (width, height) = images.size["height"], size
    across, down = (max(round(edge * side / max(size)), images.min_size) for edge in size)
    left, top = -((side - across) // 2) * width / across, -((side - down) // 2) * height / down
    return (left, top, left + side * width / across, top + side * height / down)
