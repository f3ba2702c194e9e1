"""Pixtral: a grid that follows the image, with a token of another kind after each row.

Its processor needs torchvision (`PixtralProcessor` is not made without it).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ....answer import PatchView
from ._rasters import Rasters, whole_image
from ._squares import square_blocks
from .base import Family, Tower
from .context import PromptContext


class Pixtral(Family):
    """Pixtral, whose checkpoints call themselves llava. Images are squashed to whole patches, and several are padded to
    one size; `image_sizes` of the inputs are those without the padding."""

    key = "pixtral"
    name = "Pixtral"
    model_types: tuple[str, ...] = ("llava",)
    vision_types: tuple[str, ...] = ("pixtral",)

    def image_grid(self, context: PromptContext) -> str:
        return "follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        if not context.image_sizes:
            return ()
        rasters = Rasters(context.image_positions)
        patch = context.config.vision_config.patch_size * getattr(context.config, "spatial_merge_size", 1)
        seen = context.inputs["image_sizes"].tolist()
        for image, (size, (height, width)) in enumerate(zip(context.image_sizes, seen, strict=True)):
            rasters.add(image, "picture", height // patch, width // patch, whole_image(size))
        return rasters.all()

    def tower(self, context: PromptContext) -> Tower | None:
        config, base = context.config, context.network.model
        feature = getattr(config, "vision_feature_layer", -1)
        if not isinstance(feature, int):
            return None
        vision = getattr(base, "vision_tower", None) or base.vision_encoder
        layers = vision.transformer.layers
        read = feature if feature >= 0 else len(layers) + 1 + feature
        sizes, merged = context.inputs["image_sizes"], getattr(config, "spatial_merge_size", 1)
        grids = (sizes // config.vision_config.patch_size).tolist()
        projector = self.projector(base)

        def project(states: Float[Tensor, "place width"]) -> Float[Tensor, "entry image_token hidden"]:
            return self.projected(projector, states, sizes)[None]

        place_of = square_blocks(grids, merged).to(context.inputs["input_ids"].device)
        return Tower(layers[:read], place_of, projector, project)

    def projector(self, base: Any) -> torch.nn.Module:
        """The projector of a network."""
        projector: torch.nn.Module = base.multi_modal_projector
        return projector

    def projected(
        self, projector: torch.nn.Module, states: Float[Tensor, "place width"], sizes: Tensor
    ) -> Float[Tensor, "image_token hidden"]:
        """What a projector makes of the states of images of these sizes (height and width in pixels)."""
        hidden: Tensor = projector(states)
        return hidden
