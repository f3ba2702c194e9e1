"""Families that cut an image into tiles, row by row, and show the whole of it once more after or before them.

The image is squashed to whole tiles, so that they cover it. One that fits into a single tile is shown once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Int
from torch import Tensor

from ....answer import PatchView
from ....clips import Clip
from ._rasters import Rasters, tile, whole_image
from .base import Family, count_up
from .context import ImageSize, PromptContext


class Tiled(Family, ABC):
    """Tiles of the same square number of tokens."""

    shares_prefix = True

    overview_first: ClassVar[bool] = False
    """Whether the whole image comes before its tiles."""

    @abstractmethod
    def tiles(self, context: PromptContext, size: ImageSize) -> tuple[int, int]:
        """Rows and columns of tiles that the processor cuts an image into; (1, 1) for one that is not cut."""

    @abstractmethod
    def side(self, context: PromptContext) -> int:
        """Rows, and columns, of image tokens in a tile."""

    def image_grid(self, context: PromptContext) -> str:
        side = self.side(context)
        return f"tiles of {side} x {side}"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, side = Rasters(context.image_positions), self.side(context)
        for visual in context.visuals:
            if isinstance(visual, Clip):
                # Frames are not cut into tiles.
                rasters.add_frames(visual, side, side, whole_image(context.image_sizes[visual.first]))
                continue
            size = context.image_sizes[visual]
            rows, columns = self.tiles(context, size)
            if self.overview_first:
                rasters.add(visual, "overview", side, side, whole_image(size))
            for number in range(rows * columns) if rows * columns > 1 else ():
                box = tile(size, *divmod(number, columns), rows, columns)
                rasters.add(visual, f"tile {number + 1}", side, side, box)
            if not self.overview_first:
                rasters.add(visual, "overview", side, side, whole_image(size))
        return rasters.all()

    def positions(self, context: PromptContext) -> Int[Tensor, "axes position"] | None:
        return count_up(context.inputs)
