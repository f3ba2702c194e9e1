"""Idefics 3: as many tiles as the enlarged image needs, with tags between them."""

from __future__ import annotations

from math import isqrt

import torch
from jaxtyping import Float
from torch import Tensor

from ._squares import encoder_layers, square_places
from ._tiled import Tiled
from .base import Tower
from .context import ImageSize, PromptContext


class Idefics3(Tiled):
    """Idefics 3, whose connector merges patches."""

    key = "idefics3"
    name = "Idefics 3"
    model_types = ("idefics3",)

    def tiles(self, context: PromptContext, size: ImageSize) -> tuple[int, int]:
        _, rows, columns = context.processor.image_processor.get_number_of_image_patches(size[1], size[0])
        return max(1, rows), max(1, columns)

    def side(self, context: PromptContext) -> int:
        return isqrt(context.processor.image_seq_len)

    def tower(self, context: PromptContext) -> Tower | None:
        vision, connector = context.network.model.vision_model, context.network.model.connector
        layers, merged = encoder_layers(vision), connector.scale_factor
        if layers is None:
            return None
        side = context.inputs["pixel_values"].shape[-1] // vision.patch_size
        tiles = len(context.image_positions) // (side // merged) ** 2

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = connector(vision.post_layernorm(states).view(tiles, side**2, -1))
            return hidden.flatten(0, 1)[None]

        place_of = square_places(tiles, side, merged).to(context.inputs["input_ids"].device)
        return Tower(layers, place_of, torch.nn.ModuleList([vision.post_layernorm, connector]), project)
