"""What stands in the place of hidden pixels.

No fill may tell what it hides, and none is neutral: black is a strong edge to a vision tower, the mean colour
a soft one, noise is texture that was never there, blur keeps the colours of the neighbourhood (those of what is hidden
too), and inpainting goes on with what is seen around. So the fill is always named beside a result.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageFilter

from ..answer import Fill, Question, RegionMask, SceneFill
from ..errors import UnknownName
from .inpaint import inpainted
from .patches import check_size

Pixels = UInt8[np.ndarray, "height width 3"]

FILL_NAMES: Mapping[SceneFill, str] = {
    "black": "black",
    "mean": "mean colour",
    "blur": "blur",
    "noise": "noise",
    "inpaint": "inpainted",
    "redraw": "empty scene",
}
"""What fills are called on the screen."""

OF_THE_MASK: frozenset[Fill] = frozenset({"noise", "inpaint"})
"""Fills that differ from mask to mask, and are made for each."""

BLUR_SHARE = 0.08
"""Standard deviation of the blur as a share of the picture's longer side. A door or a face is a few times
wider than this at most, so nothing of its shape is left (27 px in a 336 px picture)."""


def fill_named(name: str) -> Fill:
    """The fill of that name. Raises UnknownName."""
    known: tuple[Fill, ...] = get_args(Fill)
    for fill in known:
        if fill == name:
            return fill
    raise UnknownName(f"There is no fill {name!r}. Choose among {', '.join(known)}.")


def apply_mask(image: Image.Image, mask: RegionMask) -> Image.Image:
    """The RGB picture with the hidden pixels replaced; the others stay as they are.

    black: zeros. mean: the mean colour of the whole picture, hidden part included, as published occlusion tests
    take it. blur: a Gaussian blur of the whole picture, of `BLUR_SHARE` of its longer side. noise: independent
    uniform colours, always the same for the same picture and mask. inpaint: the smoothest surface over what is seen
    around (`inpainted`).

    Raises WrongMask when the mask's height and width are not the picture's.
    """
    return Canvas([image]).painted([replace(mask, image=0)])[0]


class Canvas:
    """Pictures that masks are laid over, now these and now those; the pictures themselves stay as they are.

    Masks are laid one after the other, each with its own fill, which is made of the picture as it is by then: with
    what earlier masks hide. So no fill shows anything of what an earlier mask took away, and where two overlap the
    later one is seen. A fill of the bare picture is made once, whatever it is used for. Safe from any thread.
    """

    def __init__(self, images: Sequence[Image.Image]) -> None:
        self._bare: list[Pixels] = [np.asarray(image.convert("RGB")) for image in images]
        self._fillings: dict[tuple[int, Fill], Pixels] = {}
        self._lock = threading.Lock()

    def painted(self, masks: Iterable[RegionMask]) -> list[Image.Image]:
        """The pictures under some masks, in RGB. Raises WrongMask for one of another size than its picture."""
        images = list(self._bare)
        for mask in masks:
            own, hidden = images[mask.image], mask.hidden
            check_size(hidden, own.shape[1], own.shape[0])
            if hidden.any():
                images[mask.image] = np.where(hidden[..., None], self._filling(own, mask), own)
        return [Image.fromarray(pixels) for pixels in images]

    def _filling(self, pixels: Pixels, mask: RegionMask) -> Pixels:
        """A whole picture of the mask's fill; only its hidden part is used."""
        if mask.fill in OF_THE_MASK or pixels is not self._bare[mask.image]:
            return _filling(pixels, mask)
        key = mask.image, mask.fill
        with self._lock:
            if key not in self._fillings:
                self._fillings[key] = _filling(pixels, mask)
            return self._fillings[key]


def as_seen(question: Question) -> tuple[Image.Image, ...]:
    """The question's pictures as the model sees them: with what its masks hide."""
    if not question.masks:
        return question.images
    masked = {mask.image for mask in question.masks}
    painted = Canvas(question.images).painted(question.masks)
    return tuple(painted[number] if number in masked else image for number, image in enumerate(question.images))


def unmasked(question: Question) -> Question:
    """The same question with its masks painted into the pictures."""
    return replace(question, images=as_seen(question), masks=()) if question.masks else question


def _filling(pixels: Pixels, mask: RegionMask) -> Pixels:
    """A whole picture of the fill."""
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
        case "inpaint":
            return inpainted(pixels, mask.hidden)


def _seed(pixels: Pixels, hidden: Bool[np.ndarray, "height width"]) -> int:
    """A seed from the content, so that the same question always gets the same noise."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(np.packbits(hidden).tobytes())
    return int.from_bytes(digest.digest()[:8], "little")
