"""Llama 4: a canvas of tiles that the image fits into without being distorted, padded at the right and below, and the
whole image squashed into one tile after them."""

from __future__ import annotations

from math import floor, isqrt
from typing import Any

import torch

from ....answer import PatchView
from ._processing import beside
from ._rasters import Rasters, whole_image
from .base import Family
from .context import ImageSize, PromptContext


class Llama4(Family):
    """Llama 4. Its tower is not described."""

    key = "llama4"
    name = "Llama 4"
    model_types = ("llama4",)
    shares_prefix = True

    def image_grid(self, context: PromptContext) -> str:
        side = _side(context)
        return f"tiles of {side} x {side}"

    def views(self, context: PromptContext) -> tuple[PatchView, ...]:
        rasters, side = Rasters(context.image_positions), _side(context)
        for image, size in enumerate(context.image_sizes):
            rows, columns, width, height = _canvas(context.processor.image_processor, size)
            across, down = width / columns, height / rows
            for number in range(rows * columns):
                row, column = divmod(number, columns)
                box = (column * across, row * down, (column + 1) * across, (row + 1) * down)
                rasters.add(image, f"tile {number + 1}" if rows * columns > 1 else "picture", side, side, box)
            if rows * columns > 1:
                rasters.add(image, "overview", side, side, whole_image(size))
        return rasters.all()


def _side(context: PromptContext) -> int:
    """Rows, and columns, of image tokens in a tile."""
    side = context.processor.image_processor.size["height"] // context.processor.patch_size
    return isqrt(side**2 // context.processor.downsample_ratio)


def _canvas(images: Any, size: ImageSize) -> tuple[int, int, float, float]:
    """Rows and columns of tiles, and how wide and high all of them are in pixels of the image."""
    (width, height), side = size, images.size["height"]
    canvases = torch.tensor(beside(images, "find_supported_resolutions")(images.max_patches, images.size))
    down, across = beside(images, "get_best_fit")((height, width), canvases, images.resize_to_max_canvas).tolist()
    room = (down, across)
    if not images.resize_to_max_canvas:
        room = (min(max(height, side), down), min(max(width, side), across))
    scale = min(room[0] / height, room[1] / width)
    fitted = (max(1, floor(height * scale)), max(1, floor(width * scale)))
    return down // side, across // side, across * width / fitted[1], down * height / fitted[0]
