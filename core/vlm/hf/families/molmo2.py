"""Molmo 2: the whole image squashed into a square, then a grid that follows it, read in overlapping crops. Patches are
pooled, and where their number is odd the outermost tokens hold fewer."""

from __future__ import annotations

from ....answer import Box, PatchView
from ._processing import beside
from ._rasters import Rasters
from .base import Family
from .context import ImageSize, PromptContext


class Molmo2(Family):
    """Molmo 2. The tokens of an image see each other both ways, so nothing of a prompt is kept. Its tower is not
    described."""

    key = "molmo2"
    name = "Molmo 2"
    model_types = ("molmo2",)

    def image_grid(self, context: PromptContext) -> str:
        return "a square, and one that follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, images = Rasters(context.image_positions), context.processor.image_processor
        patch, crop = images.patch_size, images.size["height"]
        for image, size in enumerate(context.image_sizes):
            geometry = beside(images, "compute_crop_geometry")
            *_, height, width = geometry(size[1], size[0], images.max_crops, images.overlap_margins, crop, patch)
            for name, down, across in (("overview", crop, crop), ("detail", height, width)):
                rows, columns, box = _pooled(size, down // patch, across // patch, images.pooling_size)
                rasters.add(image, name, rows, columns, box)
        return rasters.all()


def _pooled(size: ImageSize, down: int, across: int, pooled: list[int]) -> tuple[int, int, Box]:
    """Rows and columns of tokens over so many patches, and the box of all of them: it reaches beyond the image where
    patches were added to fill the outermost tokens."""
    rows, columns = -(-down // pooled[0]), -(-across // pooled[1])
    width, height = size[0] / across, size[1] / down
    left, top = -((columns * pooled[1] - across) // 2) * width, -((rows * pooled[0] - down) // 2) * height
    return rows, columns, (left, top, left + columns * pooled[1] * width, top + rows * pooled[0] * height)
