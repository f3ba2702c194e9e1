"""What stands in the place of hidden pixels.

No fill may tell what it hides, and none is neutral: black is a strong edge to a vision tower, the mean colour
a soft one, noise is texture that was never there, and blur keeps the colours of the neighbourhood. So the fill
is always named beside a result.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageFilter

from ..answer import Question, RegionMask

BLUR_SHARE = 0.08
"""Standard deviation of the blur as a share of the picture's longer side. A door or a face is a few times
wider than this at most, so nothing of its shape is left (27 px in a 336 px picture)."""


def apply_mask(image: Image.Image, mask: RegionMask) -> Image.Image:
    """The RGB picture with the hidden pixels replaced; the others stay as they are.

    black: zeros. mean: the mean colour of the whole picture, hidden part included, as published occlusion tests
    take it. blur: a Gaussian blur of the whole picture, of `BLUR_SHARE` of its longer side. noise: independent
    uniform colours, always the same for the same picture and mask.

    Raises ValueError when the mask's height and width are not the picture's.
    """
    hidden = np.asarray(mask.hidden, dtype=bool)
    if hidden.shape != (image.height, image.width):
        raise ValueError(
            f"the mask is {hidden.shape[1]} × {hidden.shape[0]} and the picture {image.width} × {image.height} pixels"
        )
    pixels = np.array(image.convert("RGB"))
    if hidden.any():
        pixels[hidden] = _filling(pixels, mask)[hidden]
    return Image.fromarray(pixels)


def as_seen(question: Question) -> tuple[Image.Image, ...]:
    """The question's pictures as the model sees them: with what its mask hides."""
    mask = question.mask
    return tuple(
        image if mask is None or mask.image != number else apply_mask(image, mask)
        for number, image in enumerate(question.images)
    )


def unmasked(question: Question) -> Question:
    """The same question with its mask painted into the picture, so that another may be laid over it."""
    return question if question.mask is None else replace(question, images=as_seen(question), mask=None)


def _filling(pixels: UInt8[np.ndarray, "height width 3"], mask: RegionMask) -> UInt8[np.ndarray, "height width 3"]:
    """A whole picture of the fill; only its hidden part is used."""
    match mask.fill:
        case "black":
            return np.zeros_like(pixels)
        case "mean":
            mean = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
            return np.broadcast_to(mean, pixels.shape)
        case "blur":
            radius = BLUR_SHARE * max(pixels.shape[:2])
            return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
        case "noise":
            return np.random.default_rng(_seed(pixels, mask.hidden)).integers(0, 256, pixels.shape, dtype=np.uint8)


def _seed(pixels: UInt8[np.ndarray, "height width 3"], hidden: Bool[np.ndarray, "height width"]) -> int:
    """A seed from the content, so that the same question always gets the same noise."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(np.packbits(hidden).tobytes())
    return int.from_bytes(digest.digest()[:8], "little")
