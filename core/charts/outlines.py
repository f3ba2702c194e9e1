"""Lines round the patches that have most, for who must judge the picture's own colours under a map.

Nothing is laid over the picture: a thick line encloses the patches with at least half of what the scale ends at, a thin
one those with at least a quarter. On a signed scale those for and those against are enclosed apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from ..answer import Box, PatchView
from .palette import DIVERGING, INK_ON_DARK, INK_ON_LIGHT
from .pixels import Pixels

LEVELS = {0.25: 1.5, 0.5: 3.0}
"""Shares of the scale's end, and the width of the line round what reaches them, in pixels."""
RIM = 2.0
"""Pixels by which the dark line below a bright one is wider, so that it is seen on any picture."""
Segment = tuple[float, float, float, float]


def outline_layers(
    rasters: Sequence[tuple[Box, PatchView]], values: Float[np.ndarray, "position"], end: float, pixels: Pixels
) -> list[alt.Chart]:
    """The lines of views whose boxes are given in pixels of the figure. `end` is the scale's end, above zero. No layer
    where no patch reaches the least level."""
    rows = [
        {"x": x, "y": y, "x2": x2, "y2": y2, "width": width, "rim": width + RIM, "color": color}
        for box, view in rasters
        for level, width in LEVELS.items()
        for sign, color in ((1, INK_ON_DARK), (-1, DIVERGING[0]))
        for x, y, x2, y2 in _scaled(border(_inside(view, values, sign * end, level)), box, view)
    ]
    if not rows:
        return []
    base = alt.Chart(pd.DataFrame(rows))
    widths = (alt.StrokeWidth("rim:Q", scale=None), alt.StrokeWidth("width:Q", scale=None))
    rim = base.mark_rule(color=INK_ON_LIGHT, tooltip=None).encode(**pixels.box, strokeWidth=widths[0])
    color = alt.Color("color:N", scale=None, legend=None)
    return [rim, base.mark_rule(tooltip=None).encode(**pixels.box, strokeWidth=widths[1], color=color)]


def _inside(
    view: PatchView, values: Float[np.ndarray, "position"], end: float, level: float
) -> Bool[np.ndarray, "rows columns"]:
    shares = np.nan_to_num(np.asarray(values, dtype=float)[list(view.positions)]) / end
    return (shares >= level).reshape(view.rows, view.columns)


def border(inside: Bool[np.ndarray, "rows columns"]) -> Iterator[Segment]:
    """The border of the cells that are inside, as straight pieces (x, y, x2, y2) in cells, each as long as can be."""
    padded = np.pad(inside, 1)
    for row, places in enumerate(padded[1:] != padded[:-1]):
        yield from ((first - 1.0, float(row), last - 1.0, float(row)) for first, last in _runs(places))
    for column, places in enumerate((padded[:, 1:] != padded[:, :-1]).T):
        yield from ((float(column), first - 1.0, float(column), last - 1.0) for first, last in _runs(places))


def _runs(places: Bool[np.ndarray, "place"]) -> Iterator[tuple[int, int]]:
    """Where runs begin, and where they have ended."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], places, [False]]).astype(np.int8)))
    yield from zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True)


def _scaled(segments: Iterator[Segment], box: Box, view: PatchView) -> Iterator[Segment]:
    left, top, right, bottom = box
    across, down = (right - left) / view.columns, (bottom - top) / view.rows
    for x, y, x2, y2 in segments:
        yield left + x * across, top + y * down, left + x2 * across, top + y2 * down
