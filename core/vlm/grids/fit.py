"""Which raster the tokens' movements speak for, if any.

Where a token lies along an axis is the mean of the strips that moved it, weighted by how much. A raster of so many rows
and columns says where each token should lie, in the order of the sequence; the one that agrees best is taken, if it
agrees well, if it covers what the model sees of the picture, and if every token is moved most by its own cell's strips.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ...answer import Box, PatchView

LEAST_CORRELATION = 0.9
"""Tried on rasters that are declared, which reach 0.98 and more, and on resamplers, which stay below 0.6."""
_STILL = 1e-3
"""A token that moves less than this share of what the others do does not see the picture."""
_LEAST_COVERED = 0.95
"""Of the tokens, the share that must be moved most by a strip over their own cell or by its neighbour."""
_CLOSE = 0.4
"""Of what is allowed: a raster this near to what is seen is not taken for a padded one."""
_LONGEST_CELL = 3.0
"""In a single row, a cell's longer side to its shorter one: there is no other axis to tell a row from several."""
_LEAST_SPREAD = 0.5
"""In a single row, the share of strips across it that a token must answer to."""
_OFF = 0.04
"""Of the picture, by how much a raster's edges may be off where this is more than half a cell."""


@dataclass(frozen=True)
class MeasuredGrid:
    """A raster of image tokens over `box`, in pixels of the picture; `row_ends` tokens after each row have no place.

    `last_end` is false where the last row goes without its end. `correlation` is that of the measured places with those
    of the raster, the smaller of both axes.
    """

    rows: int
    columns: int
    box: Box
    correlation: float
    row_ends: int = 0
    last_end: bool = True

    @property
    def tokens(self) -> int:
        """How many image tokens it takes."""
        return self.rows * (self.columns + self.row_ends) - (0 if self.last_end else self.row_ends)

    def indices(self) -> Int[np.ndarray, "cell"]:
        """Which of its tokens are cells, in raster order."""
        rows, columns = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.asarray(rows * (self.columns + self.row_ends) + columns)

    def view(self, image: int, positions: tuple[int, ...]) -> PatchView:
        """The raster laid over the image positions of one image, `tokens` of them."""
        own = tuple(positions[index] for index in self.indices())
        return PatchView(image, "picture", self.rows, self.columns, self.box, own, measured=self.correlation)


@dataclass(frozen=True)
class NoGrid:
    """No raster was found: why, as the end of a sentence."""

    why: str


@dataclass(frozen=True, eq=False)
class Movements:
    """By how much inverting each strip moved each image token, along both axes; `edges` are those of the strips, in
    pixels."""

    down: Float[np.ndarray, "token strip"]
    across: Float[np.ndarray, "token strip"]
    down_edges: Float[np.ndarray, "edge"]
    across_edges: Float[np.ndarray, "edge"]
    size: tuple[int, int]


def fit(movements: Movements) -> MeasuredGrid | NoGrid:
    """The raster that the movements speak for."""
    tokens = len(movements.down)
    most = np.maximum(movements.down.max(1), movements.across.max(1))
    still = most <= _STILL * np.median(most[most > 0]) if (most > 0).any() else np.ones(tokens, bool)
    if tokens < 2 or still.all():
        return NoGrid("no image token, or only one, depends on the picture")
    y, x = _centres(movements.down), _centres(movements.across)
    scored = [
        (_agreement(raster, y, x, still), raster)
        for raster in _rasters(tokens, still)
        if min(raster.rows, raster.columns) > 1 or _may_be_single(raster, movements, still)
    ]
    correlation, raster = max(scored, key=lambda one: one[0], default=(0.0, None))
    if raster is None or correlation <= 0:
        return NoGrid("no part of the picture moves one image token more than another, as where it is resampled")
    if correlation < LEAST_CORRELATION:
        return NoGrid(
            f"the best raster, {raster.rows} x {raster.columns}, agrees with where they look by a correlation of "
            f"{correlation:.2f}, and {LEAST_CORRELATION} is needed"
        )
    # Ends of rows may as well be a column of padding: as good a raster whose edges fit is the right one.
    equal = sorted((one for value, one in scored if value >= correlation - 1e-3), key=lambda one: -one.row_ends)
    boxes = ((one, _box(one, y, x, still, movements)) for one in equal)
    raster, box = next(((one, box) for one, box in boxes if box is not None), (raster, None))
    if box is None:
        return NoGrid(f"where {raster.rows} x {raster.columns} image tokens begin and end cannot be told well enough")
    grid = MeasuredGrid(raster.rows, raster.columns, box, correlation, raster.row_ends, raster.last_end)
    covered = _covered(grid, movements, still)
    if covered < _LEAST_COVERED:
        return NoGrid(f"only {covered:.0%} of {grid.rows} x {grid.columns} image tokens look at their own cell")
    return grid


def _centres(moved: Float[np.ndarray, "token strip"]) -> Float[np.ndarray, "token"]:
    """Where each token lies, 0 to 1: what moves it wherever the strip is says nothing, and is taken off."""
    local = np.maximum(moved - np.median(moved, 1, keepdims=True), 0) ** 2
    weight = local.sum(1)
    where = local @ (np.arange(moved.shape[1]) + 0.5) / moved.shape[1]
    # (a token that every strip moves alike lies in the middle)
    return np.where(weight > 0, where / np.maximum(weight, 1e-30), 0.5)


def _rasters(tokens: int, still: Bool[np.ndarray, "token"]) -> Iterator[MeasuredGrid]:
    """All ways to lay so many tokens out in rows, with an end token after each row where tokens there stand still."""
    for row_ends, missing in ((0, 0), (1, 0), (1, 1)):
        for rows in range(1, tokens + 1):
            across, rest = divmod(tokens + missing, rows)
            if rest or across <= row_ends or (missing and rows == 1):
                continue
            raster = MeasuredGrid(rows, across - row_ends, (0, 0, 1, 1), 0.0, row_ends, missing == 0)
            ends = np.ones(tokens, bool)
            ends[raster.indices()] = False
            if still[ends].all():
                yield raster


def _cells(raster: MeasuredGrid) -> tuple[Int[np.ndarray, "cell"], Int[np.ndarray, "cell"]]:
    """Row and column of every cell."""
    rows, columns = np.divmod(np.arange(raster.rows * raster.columns), raster.columns)
    return rows, columns


def _agreement(
    raster: MeasuredGrid, y: Float[np.ndarray, "token"], x: Float[np.ndarray, "token"], still: Bool[np.ndarray, "token"]
) -> float:
    """The smaller of both axes' correlations between where tokens lie and where the raster puts them."""
    own = raster.indices()
    moving = ~still[own]
    return min(
        _correlation(centres[own][moving], places[moving])
        for centres, places, cells in zip((y, x), _cells(raster), (raster.rows, raster.columns), strict=True)
        if cells > 1
    )


def _correlation(centres: Float[np.ndarray, "token"], places: Int[np.ndarray, "token"]) -> float:
    """Of one axis; 0 where one of both is the same for all."""
    if len(centres) < 2 or np.ptp(places) == 0 or np.ptp(centres) < 1e-9:
        return 0.0
    return float(np.corrcoef(centres, places)[0, 1])


def _may_be_single(raster: MeasuredGrid, movements: Movements, still: Bool[np.ndarray, "token"]) -> bool:
    """Whether a single row or column is likely: its cells are no slivers, and its tokens see all across it."""
    width, height = np.ptp(movements.across_edges), np.ptp(movements.down_edges)
    shape = (width / raster.columns) / (height / raster.rows)
    if not 1 / _LONGEST_CELL <= shape <= _LONGEST_CELL:
        return False
    moved = (movements.down if raster.rows == 1 else movements.across)[~still] ** 2
    # (how many strips have a part in it, as many as there are where all have the same)
    strips = moved.sum(1) ** 2 / np.maximum((moved**2).sum(1), 1e-30)
    return bool(np.mean(strips) >= _LEAST_SPREAD * moved.shape[1])


def _box(
    raster: MeasuredGrid,
    y: Float[np.ndarray, "token"],
    x: Float[np.ndarray, "token"],
    still: Bool[np.ndarray, "token"],
    movements: Movements,
) -> Box | None:
    """What the raster covers, in pixels of the picture: all that is seen of it, or, where the tokens' places speak for
    that rather, a square into which the whole is padded, in the middle or at the top left. None where they speak for
    none of these."""
    (left, right), (top, bottom) = movements.across_edges[[0, -1]], movements.down_edges[[0, -1]]
    width, height = movements.size
    side = max(width, height)
    middle = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    seen = (float(left), float(top), float(right), float(bottom))
    boxes: list[Box] = []
    if seen == (0.0, 0.0, float(width), float(height)):
        boxes = [middle, (0.0, 0.0, float(side), float(side))]
    else:
        seen = _without_blur(seen, movements.size, raster)
    own = raster.indices()
    rows, columns = _cells(raster)
    moving = ~still[own]
    measured = (
        _edges(_pixels(x, movements.across_edges)[own][moving], columns[moving], raster.columns),
        _edges(_pixels(y, movements.down_edges)[own][moving], rows[moving], raster.rows),
    )

    def off(box: Box) -> float:
        """The largest distance of a measured edge from the box's, in what is allowed of it."""
        distances = [0.0]
        for edges, start, end, cells in zip(measured, box[:2], box[2:], (raster.columns, raster.rows), strict=True):
            if edges is not None:
                allowed = max(0.5 / cells, _OFF) * (end - start)
                distances += [abs(edges[0] - start) / allowed, abs(edges[1] - end) / allowed]
        return max(distances)

    if off(seen) <= _CLOSE or not boxes:
        return seen if off(seen) <= 1 else None
    nearest = min([seen, *boxes], key=off)
    return nearest if off(nearest) <= 1 else None


def _without_blur(seen: Box, size: tuple[int, int], raster: MeasuredGrid) -> Box:
    """The square in the middle of a picture that was cropped to it: pixels just outside have a part in those inside,
    where a picture is made smaller. What is seen, where that is another part of it."""
    width, height = size
    side = min(width, height)
    square = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    beyond = [square[0] - seen[0], square[1] - seen[1], seen[2] - square[2], seen[3] - square[3]]
    most = side / max(raster.rows, raster.columns) / 2
    return square if all(-1 <= edge <= most for edge in beyond) else seen


def _pixels(centres: Float[np.ndarray, "token"], edges: Float[np.ndarray, "edge"]) -> Float[np.ndarray, "token"]:
    """Places along an axis, 0 to 1, in pixels."""
    return np.interp(centres * (len(edges) - 1), np.arange(len(edges)), edges)


def _edges(
    centres: Float[np.ndarray, "token"], places: Int[np.ndarray, "token"], cells: int
) -> tuple[float, float] | None:
    """Where a row of cells begins and ends, by the straight line through the centres of those within: the outermost are
    cut by the picture's edges where there is padding. None where there are too few to tell."""
    inner = (places > places.min()) & (places < places.max())
    used = inner if inner.any() and np.ptp(places[inner]) > 0 else np.ones(len(places), bool)
    if cells == 1 or np.ptp(places[used]) == 0:
        return None
    size, start = np.polyfit(places[used] + 0.5, centres[used], 1)
    return float(start), float(start + size * cells)


def _covered(grid: MeasuredGrid, movements: Movements, still: Bool[np.ndarray, "token"]) -> float:
    """The share of cells in the picture whose token is moved most by a strip over them or by its neighbour. A token
    beyond the picture must stand still, or be one of those that are not."""
    own = grid.indices()
    rows, columns = _cells(grid)
    left, top, right, bottom = grid.box
    good = np.ones(len(own), bool)
    within = np.ones(len(own), bool)
    for moved, edges, places, cells, start, end in (
        (movements.down, movements.down_edges, rows, grid.rows, top, bottom),
        (movements.across, movements.across_edges, columns, grid.columns, left, right),
    ):
        size = (end - start) / cells
        low, high = start + places * size, start + (places + 1) * size
        within &= (high > edges[0]) & (low < edges[-1])
        strongest = moved[own].argmax(1)
        before = edges[np.maximum(strongest - 1, 0)]
        after = edges[np.minimum(strongest + 2, len(edges) - 1)]
        if cells > 1:
            good &= (before < high) & (after > low)
    good &= ~still[own]
    return float(good[within].mean()) if within.any() else 0.0
