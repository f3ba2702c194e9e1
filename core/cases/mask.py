"""Where in a case's picture the right answer is to be seen, as a table says it: a picture, polygons, boxes, nowhere."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from ..errors import UnreadableImage
from ..images import LONGEST_SIDE, as_mask, display_name

NOWHERE = frozenset(("none", "nothing", "no evidence", "[]"))
"""What a table says where nothing in the picture shows the answer."""
MOST = 10_000
"""Numbers of one mask."""
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?(?:[\s,]+-?\d+(?:\.\d+)?){3}")


@dataclass(frozen=True)
class Mask:
    """Not opened before it is needed. `file` is a picture as big as the case's whose white or opaque pixels are marked;
    `shapes` are polygons as x, y, x, y, ... in pixels of the case's picture from its top left, a box as four numbers:
    left, top, right, bottom. With neither, nothing is marked: the picture has no evidence."""

    file: Path | None = None
    shapes: tuple[tuple[float, ...], ...] = ()

    def pixels(self, size: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
        """The marked pixels of a picture of this (width, height). A pixel is in a shape when its centre is. Raises
        UnreadableImage for a picture of another size, and for shapes that mark nothing."""
        width, height = size
        if self.file is not None:
            marked = as_mask(self.file)
            if marked.shape != (height, width):
                raise UnreadableImage(
                    f"The mask {display_name(self.file.name)} has {marked.shape[1]} x {marked.shape[0]} pixels and the "
                    f"picture {width} x {height}. Save it in the picture's size."
                )
            return marked
        marked = np.zeros((height, width), dtype=bool)
        if not self.shapes:
            return marked
        if max(size) >= LONGEST_SIDE:
            raise UnreadableImage(
                f"The picture was made smaller to {width} x {height} pixels, so it is not known where its polygons or "
                "boxes lie. Give its mask as a picture."
            )
        for shape in self.shapes:
            marked |= _filled(shape, size)
        if not marked.any():
            raise UnreadableImage(
                f"The mask's polygons or boxes mark no pixel of the picture, which is {width} x {height}. Give them in "
                "pixels from the top left."
            )
        return marked

    def fingerprint(self) -> str:
        """A hash of what decides the marked pixels; a file counts by its name, size and time."""
        about: Any = self.shapes
        if self.file is not None:
            state = self.file.stat() if self.file.exists() else None
            about = (self.file.name, state and (state.st_size, state.st_mtime_ns))
        return hashlib.sha256(repr(about).encode("utf-8", "replace")).hexdigest()[:16]


def shapes_in(cell: str) -> tuple[tuple[float, ...], ...]:
    """The polygons and boxes of a table's cell: JSON (a list of boxes [left, top, right, bottom], of polygons [x, y, x,
    y, ...] or of lists of points), or four numbers for a box, several boxes with ; or | between them. Raises ValueError
    where it is none of these."""
    if cell.lstrip().startswith("["):
        try:
            return _shapes(json.loads(cell))
        except RecursionError:
            raise ValueError("it is nested too deep") from None
    parts = [part.strip() for part in re.split(r"[;|]", cell) if part.strip()]
    if not parts or not all(_NUMBERS.fullmatch(part) for part in parts):
        raise ValueError("it is neither a picture, nor polygons, nor boxes")
    return tuple(_shape([float(number) for number in re.split(r"[\s,]+", part)]) for part in parts)


def _shapes(value: Any) -> tuple[tuple[float, ...], ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("it is no list of shapes")
    if all(_is_number(one) for one in value):
        return (_shape(value),)
    if all(isinstance(one, list) and len(one) == 2 and all(map(_is_number, one)) for one in value):
        return (_shape([number for point in value for number in point]),)
    return tuple(shape for one in value for shape in _shapes(one))


def _shape(numbers: list[float]) -> tuple[float, ...]:
    if len(numbers) > MOST or len(numbers) % 2 or len(numbers) < 4:
        raise ValueError("a box has four numbers, and a polygon two for each of three or more points")
    if not all(math.isfinite(number) and abs(number) <= 1e6 for number in numbers):
        raise ValueError("a number is none that a pixel can have")
    return tuple(map(float, numbers))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _filled(shape: tuple[float, ...], size: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """The pixels whose centres lie in a shape."""
    from skimage.draw import polygon2mask

    width, height = size
    if len(shape) == 4:
        left, right = sorted((shape[0], shape[2]))
        top, bottom = sorted((shape[1], shape[3]))
        columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
        return np.outer((rows >= top) & (rows <= bottom), (columns >= left) & (columns <= right))
    points = np.array(shape).reshape(-1, 2)[:, ::-1] - 0.5
    inside: Bool[np.ndarray, "height width"] = polygon2mask((height, width), points)
    return inside
