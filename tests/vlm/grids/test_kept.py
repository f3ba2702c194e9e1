"""Measured grids outlive a session, and a damaged file is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.vlm.grids.fit import MeasuredGrid, NoGrid
from core.vlm.grids.kept import FOLDER, KeptGrids

GRID = MeasuredGrid(3, 4, (0.0, -2.5, 120.0, 82.5), 0.97, row_ends=1, last_end=False)
NONE = NoGrid("no raster fits")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_kept_is_there_for_the_next_session_and_for_no_other_model() -> None:
    kept = KeptGrids("one")
    kept.keep((120, 80), GRID)
    kept.keep((80, 120), NONE)
    again = KeptGrids("one")
    assert (again.get((120, 80)), again.get((80, 120)), again.get((1, 1))) == (GRID, NONE, None)
    assert KeptGrids("other").get((120, 80)) is None


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": 1, "grids": [{"size": [120, 80]}]}',
        '{"format": 2, "grids": []}',
        '{"format": 1, "grids": [{"size": [120, 80], "rows": 0, "columns": 4, "row_ends": 0, "box": [0, 0, 1, 1], '
        '"correlation": 0.95, "last_end": true}]}',
        '{"format": 1, "grids": [{"size": [120, 80], "rows": 2, "columns": 4, "row_ends": 0, "box": [0, 0, NaN, 1], '
        '"correlation": 0.95, "last_end": true}]}',
        '{"format": 1, "grids": [{"size": [120, 80], "rows": 2, "columns": 4, "row_ends": 0, "box": [0, 0, 1, 1], '
        '"correlation": 0.2, "last_end": true}]}',
    ],
)
def test_a_damaged_file_is_as_good_as_none_and_is_written_anew(damage: str) -> None:
    kept = KeptGrids("one")
    kept.file.parent.mkdir(parents=True)
    kept.file.write_text(damage)
    assert kept.get((120, 80)) is None
    kept.keep((120, 80), GRID)
    assert KeptGrids("one").get((120, 80)) == GRID


def test_where_nothing_can_be_written_it_is_kept_in_memory(folder: Path) -> None:
    folder.write_text("a file in the folder's place")
    kept = KeptGrids("one")
    kept.keep((120, 80), GRID)
    assert kept.get((120, 80)) == GRID


def test_a_file_holds_sizes_and_no_picture() -> None:
    kept = KeptGrids("one")
    kept.keep((120, 80), GRID)
    [entry] = json.loads(kept.file.read_text())["grids"]
    assert entry["size"] == [120, 80]
    assert set(entry) == {"size", "rows", "columns", "box", "correlation", "row_ends", "last_end"}
