"""PaliGemma and Gemma 3: a square grid over the whole image, which is squashed into a square."""

from __future__ import annotations

from math import isqrt

import torch
from jaxtyping import Float
from torch import Tensor

from ....answer import PatchView
from ._rasters import Rasters, whole_image
from ._squares import encoder_layers, square_places
from .base import Family, Tower
from .context import PromptContext


class Squashed(Family):
    """A family whose images become squares, each of as many tokens as the processor says."""

    def image_grid(self, context: PromptContext) -> str:
        side = isqrt(context.processor.image_seq_length)
        return f"{side} x {side}"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, side = Rasters(context.image_positions), isqrt(context.processor.image_seq_length)
        for image, size in enumerate(context.image_sizes):
            rasters.add(image, "picture", side, side, whole_image(size))
        # Gemma 3 can be told to add crops ("pan and scan"), which leaves positions over.
        return rasters.all()

    def tower(self, context: PromptContext) -> Tower | None:
        base, inputs = context.network.model, context.inputs
        vision, projector = base.vision_tower, base.multi_modal_projector
        layers = encoder_layers(vision)
        if layers is None:
            return None
        images = inputs["pixel_values"].shape[0]
        side = vision.config.image_size // vision.config.patch_size
        # Gemma 3 takes the mean of several patches for a token.
        pooled = side // isqrt(len(context.image_positions) // images)

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = projector(vision.post_layernorm(states).view(images, side**2, -1))
            return hidden.flatten(0, 1)[None]

        place_of = square_places(images, side, pooled).to(inputs["input_ids"].device)
        return Tower(layers, place_of, torch.nn.ModuleList([vision.post_layernorm, projector]), project)
