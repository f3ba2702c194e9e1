"""Pixtral: a grid that follows the image, with a token of another kind after each row.

Its processor needs torchvision (`PixtralProcessor` is not made without it).
"""

from __future__ import annotations

from ....answer import PatchView
from ._rasters import Rasters, whole_image
from .base import Family
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
