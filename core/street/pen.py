"""One pass of drawing that yields both colours and ground truth.

Shapes are painted as small numbers ("inks") on one integer canvas of twice the size. An ink is a pair of
colour and label, so a picture and a label map come out of the same pixels and can never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Point = tuple[float, float]

SUPERSAMPLING = 2
"""Canvas pixels for each pixel of the picture, along each side."""
OUTLINE = 2
"""Width of an outline in canvas pixels."""


@lru_cache(maxsize=4096)
def shade(color: RGB, factor: float) -> RGB:
    """The colour darker (factor below 1) or lighter, clipped to 255."""
    return (
        min(255, round(color[0] * factor)),
        min(255, round(color[1] * factor)),
        min(255, round(color[2] * factor)),
    )


def outline(color: RGB) -> RGB:
    """A line colour that shows against the fill and against any ground: mid grey for near-black fills."""
    return (104, 104, 110) if max(color) < 70 else shade(color, 0.5)


class Pen:
    """Draws in the coordinates of one item at a time: pixels at scale 1 from its box's top left corner."""

    def __init__(self, side: int) -> None:
        self._canvas = Image.new("I", (side * SUPERSAMPLING, side * SUPERSAMPLING))
        self._draw = ImageDraw.Draw(self._canvas)
        self._inks: dict[tuple[int, RGB], int] = {}
        self._labels: Mapping[str, int] = {}
        self._gain = 1.0

    def move(
        self,
        corner: Point,
        stretch: Point,
        labels: Mapping[str, int],
        *,
        mirror: float | None = None,
        gain: float = 1.0,
    ) -> None:
        """Start an item: its left top corner in pixels, its scale along x and y, the label of each part,
        the width to mirror within (None keeps the side), and a factor on every colour."""
        across, down = stretch[0] * SUPERSAMPLING, stretch[1] * SUPERSAMPLING
        left, top = corner[0] * SUPERSAMPLING - 0.5, corner[1] * SUPERSAMPLING - 0.5
        if mirror is not None:
            left, across = left + mirror * across, -across
        self._left, self._top, self._across, self._down = left, top, across, down
        self._labels, self._gain = labels, gain

    def _ink(self, part: str, color: RGB) -> int:
        key = (self._labels[part], color if self._gain == 1.0 else shade(color, self._gain))
        return self._inks.setdefault(key, len(self._inks) + 1)

    def _points(self, points: Sequence[Point]) -> list[Point]:
        left, top, across, down = self._left, self._top, self._across, self._down
        return [(left + x * across, top + y * down) for x, y in points]

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        a, b = self._left + x0 * self._across, self._left + x1 * self._across
        return min(a, b), self._top + y0 * self._down, max(a, b), self._top + y1 * self._down

    def polygon(
        self, part: str, points: Sequence[Point], fill: RGB, line: RGB | None = None, edge: int = OUTLINE
    ) -> None:
        at = self._points(points)
        self._draw.polygon(at, fill=self._ink(part, fill))
        if line is not None:
            self._draw.line([*at, at[0], at[1]], fill=self._ink(part, line), width=edge)

    def rect(
        self,
        part: str,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: RGB,
        line: RGB | None = None,
        *,
        edge: int = OUTLINE,
        round: float = 0,
    ) -> None:
        """A rectangle, its corners rounded by `round` pixels at scale 1."""
        box, ink = self._box(x0, y0, x1, y1), self._ink(part, fill)
        border = None if line is None else self._ink(part, line)
        if round:
            self._draw.rounded_rectangle(box, round * self._down, fill=ink, outline=border, width=edge)
        else:
            self._draw.rectangle(box, fill=ink, outline=border, width=edge)

    def ellipse(
        self,
        part: str,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: RGB,
        line: RGB | None = None,
        *,
        edge: int = OUTLINE,
    ) -> None:
        border = None if line is None else self._ink(part, line)
        self._draw.ellipse(self._box(x0, y0, x1, y1), fill=self._ink(part, fill), outline=border, width=edge)

    def cap(
        self, part: str, x0: float, y0: float, x1: float, y1: float, fill: RGB, line: RGB, start: int, end: int
    ) -> None:
        """The part of an ellipse cut off by a chord; angles in degrees, clockwise from three o'clock."""
        if self._across < 0:
            start, end = 180 - end, 180 - start
        inks = self._ink(part, fill), self._ink(part, line)
        self._draw.chord(self._box(x0, y0, x1, y1), start, end, fill=inks[0], outline=inks[1], width=1)

    def line(self, part: str, points: Sequence[Point], color: RGB, width: float) -> None:
        """A stroke with round joints; `width` in pixels at scale 1."""
        thick = max(1, int(width * self._down + 0.5))
        joint = "curve" if thick > 3 and len(points) > 2 else None
        self._draw.line(self._points(points), fill=self._ink(part, color), width=thick, joint=joint)

    def finish(self) -> tuple[Float[np.ndarray, "side side 4"], UInt8[np.ndarray, "side side"]]:
        """The picture as premultiplied RGBA of 0 to 255, anti-aliased and clear where nothing was drawn,
        and for each pixel the label at its middle."""
        inks = np.asarray(self._canvas)
        colors = np.zeros((len(self._inks) + 1, 4), np.uint8)
        labels = np.zeros(len(self._inks) + 1, np.uint8)
        for (label, color), ink in self._inks.items():
            colors[ink] = (*color, 255)
            labels[ink] = label
        large = colors.view(np.uint32)[:, 0][inks]
        # As RGBX, because Pillow would divide RGBA by its alpha again after averaging.
        small = Image.frombuffer("RGBX", self._canvas.size, large, "raw", "RGBX", 0, 1).reduce(SUPERSAMPLING)
        return np.asarray(small).astype(np.float32), labels[inks[1::SUPERSAMPLING, 1::SUPERSAMPLING]]
