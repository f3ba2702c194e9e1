"""Decoded pictures of any kind as small ones in 8 bits, a band of rows at a time.

A picture of 64 megapixels takes 256 MB once it is decoded; each further copy of it, in another mode or in floating
point, would take as much again or more. So each band is converted and made narrow by itself, and only what has come of
the bands is made short. (Pillow's own resampling is separable, too: width first, in 8 bits.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Num, UInt8
from PIL import Image

BAND = 1_000_000
"""Pixels of a band, about."""
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")

Between = Callable[[], None]
"""Called between bands; it may raise to end the work."""


class UnknownMode(Exception):
    """A colour mode that has no way to RGB."""


def shrunk(image: Image.Image, longest: int, between: Between = lambda: None) -> Image.Image:
    """A loaded picture as RGB, or as RGBA where it has any kind of transparency, its longer side at most `longest`
    pixels. It may be the same object. Raises UnknownMode."""
    convert = _conversion(image)
    size = _fitting(image.size, longest)
    if size == image.size:
        return convert(image)
    narrow: Image.Image | None = None
    top = 0
    for band in _bands(image):
        between()
        part = convert(band)
        part = part.convert("RGBa") if part.mode == "RGBA" else part  # what is transparent has no colour to mix
        part = part.resize((size[0], part.height), Image.Resampling.LANCZOS)
        narrow = narrow or Image.new(part.mode, (size[0], image.height))
        narrow.paste(part, (0, top))
        top += part.height
    assert narrow is not None, "a picture has rows"
    short = narrow.resize(size, Image.Resampling.LANCZOS)
    return short.convert("RGBA") if short.mode == "RGBa" else short


def _fitting(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """A size of the same proportions, as far as whole pixels have them."""
    most = max(size)
    if most <= longest:
        return size
    width, height = (max(1, round(side * longest / most)) for side in size)
    return width, height


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _conversion(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """How a band of this picture becomes RGB or RGBA."""
    if image.mode.startswith("I;16"):
        return lambda band: _grey(np.asarray(band), 0.0, 65535.0)
    if image.mode in ("I", "F"):
        low, high = _range(image)
        return lambda band: _grey(_finite(np.asarray(band)), low, high)
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        return lambda band: band.convert("RGBA")
    if image.mode == "RGB":
        return lambda band: band
    return _as_rgb


def _as_rgb(band: Image.Image) -> Image.Image:
    try:
        return band.convert("RGB")
    except ValueError as error:
        raise UnknownMode(band.mode) from error


def _range(image: Image.Image) -> tuple[float, float]:
    """What is black and what is white of greys that declare no range: 0 and 1, 255 or 65535, the first that holds them
    all, or else their least and greatest. Where those are one, it is beyond one of the ends."""
    ends = [(float(band.min()), float(band.max())) for band in map(_finite, map(np.asarray, _bands(image)))]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if low == high and not 0 <= low <= 65535:
        return (low, 0.0) if low < 0 else (0.0, high)
    if low < 0 or high > 65535:
        return low, high
    return 0.0, float(next(bound for bound in (1, 255, 65535) if high <= bound))


def _finite(values: Num[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    return np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _grey(values: Num[np.ndarray, "height width"], black: float, white: float) -> Image.Image:
    scaled: UInt8[np.ndarray, "height width"] = np.round((values - black) * (255.0 / (white - black))).astype(np.uint8)
    return Image.fromarray(scaled).convert("RGB")
