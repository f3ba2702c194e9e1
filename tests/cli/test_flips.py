"""Flip rates from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from core.cli.console import Exit
from tests.cli.conftest import Command


def test_the_table_is_told_and_written_with_its_settings(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "flips.json"
    done = command("flips", "--scenes", "1", "--masking", "pixels", "--out", str(out))
    assert done.code == Exit.DONE
    assert "1 scenes, 12 graphs; pixels replaced" in done.told
    *rows, about = done.lines
    assert [row["radius"] for row in rows] == [1, 2, 3] and about["graphs"] == 12
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["settings"]["alpha"] == 1e-5 and len(record["radii"]) == 3
