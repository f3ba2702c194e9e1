"""Kimi K2.5: a grid that follows the image, which is only ever shrunk, and padded at the right and below to whole
tokens."""

from __future__ import annotations

from ....answer import PatchView
from ._processing import beside
from ._rasters import Rasters
from .base import Family
from .context import PromptContext


class KimiK25(Family):
    """Kimi K2.5. Its tower is not described."""

    key = "kimi_k25"
    name = "Kimi K2.5"
    model_types = ("kimi_k25",)
    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return "follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, images = Rasters(context.image_positions), context.processor.image_processor
        merged = images.patch_size * images.merge_size
        for image, (width, height) in enumerate(context.image_sizes):
            (down, across), (rows, columns) = beside(images, "navit_resize")(
                height, width, images.patch_size, images.merge_size, images.max_patches, images.size["max_height"]
            )
            box = (0.0, 0.0, columns * width / across, rows * height / down)
            rasters.add(image, "picture", rows // merged, columns // merged, box)
        return rasters.all()
