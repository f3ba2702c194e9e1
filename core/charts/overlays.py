"""Pictures with regions and patches drawn over them, as plain images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool
from PIL import Image, ImageDraw

from ..answer import Box
from .palette import HIDDEN_RGB, NEUTRAL, PATCH_RGB, VEIL


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
    unseen: Sequence[Box] = (),
) -> Image.Image:
    """The picture at `size`, the hidden region tinted and hatched, the covered patches outlined, and a veil over the
    `unseen` boxes.

    `hidden` has the image's own size; `patches` and `unseen` are boxes in its pixels.
    """
    shown = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    across, down = size[0] / image.width, size[1] / image.height
    draw_veil(shown, [(box[0] * across, box[1] * down, box[2] * across, box[3] * down) for box in unseen])
    region = np.asarray(Image.fromarray(hidden).resize(size, Image.Resampling.NEAREST))
    pixels = np.asarray(shown).astype(np.float32)
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    strength = np.where((rows + columns) % 12 < 3, 0.9, 0.6)[..., None]
    pixels = np.where(region[..., None], pixels * (1 - strength) + np.array(HIDDEN_RGB) * strength, pixels)
    result = Image.fromarray(pixels.astype(np.uint8))
    pen = ImageDraw.Draw(result)
    for left, top, right, bottom in patches:
        corners = (left * across, top * down, max(left, right) * across - 1, max(top, bottom) * down - 1)
        pen.rectangle(corners, outline=PATCH_RGB)
    return result


def draw_veil(canvas: Image.Image, boxes: Sequence[Box]) -> None:
    """Grey out boxes of an RGB figure, in place: what the model never sees, so that nothing is read there."""
    for left, top, right, bottom in boxes:
        area = (round(left), round(top), min(round(right), canvas.width), min(round(bottom), canvas.height))
        if area[0] < area[2] and area[1] < area[3]:
            part = canvas.crop(area)
            canvas.paste(Image.blend(part, Image.new("RGB", part.size, NEUTRAL), VEIL), area)
