"""Rasters of image tokens that are laid over the image positions of a prompt, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ....answer import Box, PatchView
from .context import ImageSize


class Rasters:
    """Takes the image positions of a prompt in their order and lays rasters over them."""

    def __init__(self, image_positions: Sequence[int]) -> None:
        self._left: Iterator[int] = iter(image_positions)
        self._short = False
        self.views: list[PatchView] = []

    def add(self, image: int, name: str, rows: int, columns: int, box: Box, row_ends: int = 0) -> None:
        """The next raster. `row_ends` tokens after each of its rows have no place in the image."""
        positions: list[int] = []
        for _ in range(rows):
            positions += islice(self._left, columns)
            self.skip(row_ends)
        self._short |= len(positions) < rows * columns
        self.views.append(PatchView(image, name, rows, columns, box, tuple(positions)))

    def skip(self, count: int) -> None:
        """Pass over image tokens that have no place in the image."""
        self._short |= len(list(islice(self._left, count))) < count

    def all(self) -> tuple[PatchView, ...]:
        """The views; none where they do not use up the positions, as the image was then cut in another way."""
        return () if self._short or next(self._left, None) is not None else tuple(self.views)


def whole_image(size: ImageSize) -> Box:
    """The box of a whole image."""
    return (0.0, 0.0, float(size[0]), float(size[1]))


def tile(size: ImageSize, row: int, column: int, rows: int, columns: int) -> Box:
    """The box of one of `rows` x `columns` tiles of an image."""
    width, height = size[0] / columns, size[1] / rows
    return (column * width, row * height, (column + 1) * width, (row + 1) * height)
