"""Flip rates from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.causal.errors import CausalError
from core.cli import flips
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


def test_a_file_that_cannot_be_written_is_told_in_a_sentence(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("flips", "--scenes", "1", "--out", tmp_path / "file" / "flips.json")
    assert done.code == Exit.REFUSED and "flips.json cannot be written" in done.told
    assert len(done.lines) == 4, "the table was told before"


def test_a_graph_that_cannot_be_had_is_told_in_a_sentence(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise CausalError("No token but the target itself would be a node.")

    monkeypatch.setattr(flips, "flip_table", refuse)
    done = command("flips")
    assert done.code == Exit.IMPOSSIBLE and done.told == "No token but the target itself would be a node."
