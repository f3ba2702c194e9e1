"""Ovis 2: the whole image, then as few tiles as cover most of it without shrinking."""

from __future__ import annotations

from math import isqrt

from ._processing import beside
from ._tiled import Tiled
from .context import ImageSize, PromptContext


class Ovis2(Tiled):
    """Ovis 2, whose image tokens are mixtures of a visual vocabulary. The tags around tiles are, too, wherever a pass
    reads an image: in one that goes on after it they would be plain words, so the whole of a prompt is read at once.
    Its tower is not described."""

    key = "ovis2"
    name = "Ovis 2"
    model_types = ("ovis2",)
    shares_prefix = False
    overview_first = True

    def tiles(self, context: PromptContext, size: ImageSize) -> tuple[int, int]:
        images, (width, height) = context.processor.image_processor, size
        if not images.crop_to_patches or images.max_patches <= 1:
            return 1, 1
        tile = (images.size["height"], images.size["width"])
        if images.use_covering_area_grid:
            columns, rows = beside(images, "get_min_tile_covering_grid")((height, width), tile[0], images.max_patches)
        else:
            fitted = beside(images, "get_optimal_tiled_canvas")
            columns, rows = fitted((height, width), tile, images.min_patches, images.max_patches)
        return rows, columns

    def side(self, context: PromptContext) -> int:
        return isqrt(context.processor.image_seq_length)
