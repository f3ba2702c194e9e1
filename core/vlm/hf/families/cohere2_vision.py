"""Cohere2 Vision: the canvas of tiles that needs the least enlarging, and the whole image after them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ._processing import beside
from ._squares import encoder_layers, square_places
from ._tiled import Tiled
from .base import Tower
from .context import ImageSize, PromptContext


class Cohere2Vision(Tiled):
    """Cohere2 Vision."""

    key = "cohere2_vision"
    name = "Cohere2 Vision"
    model_types = ("cohere2_vision",)

    def tiles(self, context: PromptContext, size: ImageSize) -> tuple[int, int]:
        images = context.processor.image_processor
        if not images.crop_to_patches or images.max_patches <= 1:
            return 1, 1
        tile, (width, height) = (images.size["height"], images.size["width"]), size
        fitted = beside(images, "get_optimal_tiled_canvas")
        columns, rows = fitted((height, width), tile, images.min_patches, images.max_patches)
        return rows, columns

    def side(self, context: PromptContext) -> int:
        vision = context.config.vision_config
        return int(vision.image_size // vision.patch_size // context.config.downsample_factor)

    def tower(self, context: PromptContext) -> Tower | None:
        base, tiles = context.network.model, context.inputs["pixel_values"].shape[0]
        vision, projector, merged = base.vision_tower, base.multi_modal_projector, context.config.downsample_factor
        layers, side = encoder_layers(vision), self.side(context) * merged
        if layers is None:
            return None

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            hidden: Tensor = projector(vision.post_layernorm(states).view(tiles, side**2, -1))
            return hidden.flatten(0, -2)[None]

        place_of = square_places(tiles, side, merged).to(context.inputs["input_ids"].device)
        return Tower(layers, place_of, torch.nn.ModuleList([vision.post_layernorm, projector]), project)
