"""Measured grids are kept by the model's fingerprint and the picture's size: in memory, and on disk for another day.

A file that cannot be read is as good as none: what it said is measured again. Nothing of a picture is written but its
width and height.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...answer import PatchView, TokenKind, TokenLayout
from ...errors import NotWritten
from ...reading import read_json
from ...writing import write_whole
from .fit import LEAST_CORRELATION, MeasuredGrid, NoGrid

FOLDER = "SIGHTLINE_CACHE"
"""The environment variable that names another folder than the account's own."""
_FORMAT = 1
_MOST = 500
"""Sizes of pictures that a file holds; the oldest go."""

Size = tuple[int, int]


def cache_folder() -> Path:
    """Where what took time to find out is kept between sessions."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline"


class KeptGrids:
    """What was measured of one model, by width and height of the picture."""

    def __init__(self, fingerprint: str) -> None:
        self._name = hashlib.sha256(fingerprint.encode()).hexdigest()[:32]
        self._lock = threading.Lock()
        self._known: dict[Size, MeasuredGrid | NoGrid] | None = None

    @property
    def file(self) -> Path:
        return cache_folder() / "grids" / f"{self._name}.json"

    def get(self, size: Size) -> MeasuredGrid | NoGrid | None:
        """What was measured of pictures of this size; None where nothing was."""
        with self._lock:
            return self._all().get(size)

    def keep(self, size: Size, outcome: MeasuredGrid | NoGrid) -> None:
        """Keep what was measured, on disk as far as it can be written."""
        with self._lock:
            known = self._all()
            known.pop(size, None)
            known[size] = outcome
            for oldest in list(known)[:-_MOST]:
                del known[oldest]
            grids = [{"size": list(size), **asdict(outcome)} for size, outcome in known.items()]
            # (without a folder to write to it is measured again another day)
            with contextlib.suppress(NotWritten):
                write_whole(self.file, json.dumps({"format": _FORMAT, "grids": grids}).encode())

    def placed(self, layout: TokenLayout) -> TokenLayout:
        """A layout with the grids that were measured, where its family declares none that fits and every picture's is
        known."""
        positions = layout.positions(TokenKind.IMAGE)
        if layout.views or not layout.measurable or not positions:
            return layout
        views: list[PatchView] = []
        start = 0
        for image, size in enumerate(layout.image_sizes):
            grid = self.get(size)
            if not isinstance(grid, MeasuredGrid) or start + grid.tokens > len(positions):
                return layout
            views.append(grid.view(image, positions[start : start + grid.tokens]))
            start += grid.tokens
        return replace(layout, views=tuple(views), unplaced="") if start == len(positions) else layout

    def _all(self) -> dict[Size, MeasuredGrid | NoGrid]:
        if self._known is None:
            self._known = _read(self.file)
        return self._known


def _read(file: Path) -> dict[Size, MeasuredGrid | NoGrid]:
    """What a file holds; nothing where any of it is not as it was written."""
    try:
        written = read_json(file)
        if written["format"] != _FORMAT:
            return {}
        return {_size(entry): _outcome(entry) for entry in written["grids"]}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return {}


def _size(entry: Any) -> Size:
    width, height = entry["size"]
    return int(width), int(height)


def _outcome(entry: Any) -> MeasuredGrid | NoGrid:
    """Raises what a damaged entry raises."""
    if "why" in entry:
        return NoGrid(str(entry["why"]))
    left, top, right, bottom = map(float, entry["box"])
    whole = ("rows", "columns", "row_ends")
    grid = MeasuredGrid(
        **{name: int(entry[name]) for name in whole},
        box=(left, top, right, bottom),
        correlation=float(entry["correlation"]),
        last_end=bool(entry["last_end"]),
    )
    sound = min(grid.rows, grid.columns) >= 1 and grid.row_ends in (0, 1) and left < right and top < bottom
    if not sound or not math.isfinite(right - left + bottom - top) or not LEAST_CORRELATION <= grid.correlation <= 1:
        raise ValueError("no grid that was measured")
    return grid
