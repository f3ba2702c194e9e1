"""What is painted to find a grid: a picture of noise, of the size that is asked about, and the same with one strip
after the other inverted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

STRIPS = 12
"""Along each axis. One pass of the vision tower each."""
_GRAIN = 8
"""Pixels of a picture to one of its noise: finer noise would be averaged away where the picture is made smaller."""

Axis = Literal[0, 1]
"""0: strips lie across and go down the picture; 1: they stand upright and go from left to right."""


@dataclass(frozen=True, eq=False)
class Painted:
    """A picture of noise, `width` x `height`, of which stripes can be inverted. The same for every size."""

    width: int
    height: int
    _noise: UInt8[np.ndarray, "height width 3"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = (max(2, self.height // _GRAIN), max(2, self.width // _GRAIN), 3)
        coarse = Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
        noise = np.asarray(coarse.resize((self.width, self.height), Image.Resampling.BICUBIC))
        object.__setattr__(self, "_noise", noise)

    def length(self, axis: Axis) -> int:
        return (self.height, self.width)[axis]

    def plain(self) -> Image.Image:
        return Image.fromarray(self._noise)

    def inverted(self, axis: Axis, start: int, end: int) -> Image.Image:
        """The picture with its pixels from `start` to `end` (exclusive) along an axis inverted."""
        pixels = self._noise.copy()
        strip = (slice(start, end),) if axis == 0 else (slice(None), slice(start, end))
        pixels[strip] = 255 - pixels[strip]
        return Image.fromarray(pixels)


def seen_part(painted: Painted, axis: Axis, changes: Callable[[Image.Image], bool]) -> tuple[int, int]:
    """From where to where along an axis the model is given the picture: what a centre crop cuts away is left out.

    `changes` says whether a picture enters the network as anything else than the plain one does.
    """
    length = painted.length(axis)
    start = _unseen(length, lambda pixels: changes(painted.inverted(axis, 0, pixels)))
    end = length - _unseen(length, lambda pixels: changes(painted.inverted(axis, length - pixels, length)))
    return (start, end) if start < end else (0, length)


def _unseen(length: int, seen: Callable[[int], bool]) -> int:
    """The most pixels from an edge on that change nothing, by halving."""
    if seen(1):
        return 0
    unseen, enough = 1, length
    while enough - unseen > 1:
        middle = (unseen + enough) // 2
        if seen(middle):
            enough = middle
        else:
            unseen = middle
    return unseen


def strips(start: int, end: int) -> list[tuple[int, int]]:
    """The strips between two pixels, each at least one pixel wide."""
    edges = np.unique(np.linspace(start, end, min(STRIPS, end - start) + 1).round().astype(int))
    return [(int(left), int(right)) for left, right in pairwise(edges)]
