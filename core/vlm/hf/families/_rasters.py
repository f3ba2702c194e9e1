"""Rasters of image tokens that are laid over the image positions of a prompt, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from ....answer import Box, PatchView
from ....clips import Clip
from .context import ImageSize


class Misfit(Exception):
    """A declared layout is not that of a prompt. str(error) says with which numbers, without a stop."""


class Rasters:
    """Takes the image positions of a prompt in their order and lays rasters over them."""

    def __init__(self, image_positions: Sequence[int]) -> None:
        self._positions = image_positions
        self._used = 0
        self._rasters: list[tuple[int, str, int, int, Box, int, int, int]] = []

    def add(self, image: int, name: str, rows: int, columns: int, box: Box, row_ends: int = 0, frames: int = 1) -> None:
        """The next raster. `row_ends` tokens after each of its rows have no place in the image; its tokens stand for so
        many `frames` from that image on."""
        self._rasters.append((image, name, rows, columns, box, row_ends, self._used, frames))
        self._used += rows * (columns + row_ends)

    def add_frames(self, clip: Clip, rows: int, columns: int, box: Box, merged: int = 1) -> None:
        """The next rasters, one for each `merged` frames of a clip: the last has fewer where they do not come out even
        (towers see the last frame again then)."""
        for first in range(0, len(clip), merged):
            frames = min(merged, len(clip) - first)
            name = f"frame {first + 1}" if frames == 1 else f"frames {first + 1}–{first + frames}"
            self.add(clip.first + first, name, rows, columns, box, frames=frames)

    def skip(self, count: int) -> None:
        """Pass over image tokens that have no place in the image."""
        self._used += count

    def all(self) -> tuple[PatchView, ...]:
        """The views. Raises Misfit where they do not use up the positions, as the image was then cut in another
        way."""
        shapes = [f"{name} {rows} x {columns}" for _, name, rows, columns, *_ in self._rasters]
        if self._used != len(self._positions) or any(rows * columns < 1 for _, _, rows, columns, *_ in self._rasters):
            raise Misfit(f"{self._used} image tokens ({', '.join(shapes)}), and there are {len(self._positions)}")
        return tuple(self._view(*raster) for raster in self._rasters)

    def _view(
        self, image: int, name: str, rows: int, columns: int, box: Box, row_ends: int, start: int, frames: int
    ) -> PatchView:
        length = columns + row_ends
        starts = (start + row * length for row in range(rows))
        positions = [position for first in starts for position in self._positions[first : first + columns]]
        return PatchView(image, name, rows, columns, box, tuple(positions), frames=frames)


def whole_image(size: ImageSize) -> Box:
    """The box of a whole image."""
    return (0.0, 0.0, float(size[0]), float(size[1]))


def tile(size: ImageSize, row: int, column: int, rows: int, columns: int) -> Box:
    """The box of one of `rows` x `columns` tiles of an image."""
    width, height = size[0] / columns, size[1] / rows
    return (column * width, row * height, (column + 1) * width, (row + 1) * height)
