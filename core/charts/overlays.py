"""Pictures with regions and patches drawn over them, as plain images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw

from ..answer import Box
from .palette import HIDDEN_RGB, PATCH_RGB


def fit(size: tuple[int, int], most: int) -> tuple[int, int]:
    """Width and height of a picture shown with its longer side at `most` pixels, at least one each."""
    width, height = size
    scale = most / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def region_overlay(
    image: Image.Image,
    hidden: Bool[np.ndarray, "height width"],
    patches: Sequence[Box],
    size: tuple[int, int],
) -> Image.Image:
    """The picture at `size`, the hidden region tinted and hatched, the covered patches outlined.

    `hidden` has the image's own size and `patches` are boxes in its pixels.
    """
    shown = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    region = np.asarray(Image.fromarray(hidden).resize(size, Image.Resampling.NEAREST))
    pixels = np.asarray(shown).astype(np.float32)
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    strength = np.where((rows + columns) % 12 < 3, 0.9, 0.6)[..., None]
    pixels = np.where(region[..., None], pixels * (1 - strength) + np.array(HIDDEN_RGB) * strength, pixels)
    result = Image.fromarray(pixels.astype(np.uint8))
    pen = ImageDraw.Draw(result)
    across, down = size[0] / image.width, size[1] / image.height
    for left, top, right, bottom in patches:
        corners = (left * across, top * down, max(left, right) * across - 1, max(top, bottom) * down - 1)
        pen.rectangle(corners, outline=PATCH_RGB)
    return result
