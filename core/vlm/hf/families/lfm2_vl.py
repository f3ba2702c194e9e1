"""LFM2-VL: tiles, and after them the whole image in a grid that follows it; an image that is not large has that
alone."""

from __future__ import annotations

from ....answer import PatchView
from ._rasters import Rasters, tile, whole_image
from .base import Family
from .context import PromptContext


class LFM2VL(Family):
    """LFM2-VL, most of whose decoder's layers are convolutions. Its tower is not described."""

    key = "lfm2_vl"
    name = "LFM2-VL"
    model_types = ("lfm2_vl",)
    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return "tiles, and one that follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, images = Rasters(context.image_positions), context.processor.image_processor
        merged = images.encoder_patch_size * images.downsample_factor
        side = images.tile_size // merged
        sizes = {name: getattr(images, name) for name in ("max_image_tokens", "encoder_patch_size")}
        sizes["downsample_factor"] = images.downsample_factor
        for image, (width, height) in enumerate(context.image_sizes):
            size = (width, height)
            large = images._is_image_too_large(height, width, max_pixels_tolerance=images.max_pixels_tolerance, **sizes)
            rows = columns = 1
            if images.do_image_splitting and images.max_tiles > 1 and large:
                bounds = (images.min_tiles, images.max_tiles, images.tile_size)
                columns, rows, *_ = images._get_grid_layout(height, width, *bounds)
            for number in range(rows * columns) if rows * columns > 1 else ():
                box = tile(size, *divmod(number, columns), rows, columns)
                rasters.add(image, f"tile {number + 1}", side, side, box)
            if rows * columns == 1 or images.use_thumbnail:
                across, down = images.smart_resize(height, width, min_image_tokens=images.min_image_tokens, **sizes)
                rasters.add(image, "overview", down // merged, across // merged, whole_image(size))
        return rasters.all()
