"""MiniCPM-V 4.6: the whole image in a grid that follows it, then slices of it in grids of their own."""

from __future__ import annotations

from ....answer import PatchView
from ._rasters import Rasters, tile, whole_image
from .base import Family
from .context import PromptContext


class MiniCPMV(Family):
    """MiniCPM-V 4.6. Its tower is not described."""

    key = "minicpmv4_6"
    name = "MiniCPM-V 4.6, 4.7"
    model_types = ("minicpmv4_6", "minicpmv4_7")
    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        return "slices, and one that follows the picture"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        if not context.image_sizes:
            return ()
        rasters, images = Rasters(context.image_positions), context.processor.image_processor
        merged = 2 if images.downsample_mode == "4x" else 4
        # Rows and columns of patches: of each image, and of each of its slices after it.
        grids = iter([(down // merged, across // merged) for down, across in context.inputs["target_sizes"].tolist()])
        for image, size in enumerate(context.image_sizes):
            sliced = None
            if images.slice_mode:
                sliced = images.get_sliced_grid(size[::-1], images.max_slice_nums, images.scale_resolution)
            rasters.add(image, "overview", *next(grids), whole_image(size))
            rows, columns = sliced or (0, 0)
            for number in range(rows * columns):
                box = tile(size, *divmod(number, columns), rows, columns)
                rasters.add(image, f"tile {number + 1}", *next(grids), box)
        return rasters.all()
