"""Flip rates from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cases.flips import FlipTable, summed
from core.causal.explanation_test import Masking
from core.cli import completed, flips
from core.cli.console import Exit
from core.errors import CausalError, NotWritten
from core.vlm.cancel import CancelToken
from tests.cli.conftest import Command


def test_the_table_is_told_and_written_with_its_settings(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "flips.json"
    done = command("flips", "--scenes", "1", "--masking", "pixels", "--sample", "3", "--out", str(out))
    assert done.code == Exit.DONE
    assert "1 scene, 9 graphs, of each layer 3 heads drawn at random; pixels replaced" in done.told
    *rows, about = done.lines
    assert [row["radius"] for row in rows] == [1, 2, 3] and (about["graphs"], about["of_a_layer"]) == (9, 3)
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["settings"]["alpha"] == 1e-5 and len(record["radii"]) == 3


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals that nobody names are kept below the present folder."""
    monkeypatch.chdir(tmp_path)


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("flips", "--scenes", "1", "--out", tmp_path / "file" / "flips.json")
    assert done.code == Exit.REFUSED and "flips.json cannot be written" in done.told and not done.lines


def test_a_disk_that_is_full_at_the_end_takes_no_figure(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(record: object, file: Path) -> None:
        raise NotWritten("There is no room.")

    monkeypatch.setattr(completed, "write_plain", full)
    monkeypatch.setattr(flips, "flip_table", lambda *arguments, **options: summed([], Masking()))
    done = command("flips", "--scenes", "1", "--out", tmp_path / "flips.json")
    assert done.code == Exit.REFUSED and "There is no room." in done.told and len(done.lines) == 4


def test_a_graph_that_cannot_be_had_is_told_in_a_sentence(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise CausalError("No token but the target itself would be a node.")

    monkeypatch.setattr(flips, "flip_table", refuse)
    done = command("flips")
    assert done.code == Exit.IMPOSSIBLE and done.told.endswith("No token but the target itself would be a node.")


def test_after_a_stop_finished_scenes_are_told_and_nothing_is_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any, cancel: CancelToken, **options: Any) -> FlipTable:
        cancel.cancel()
        return summed([], Masking())

    monkeypatch.setattr(flips, "flip_table", stopped)
    done = command("flips", "--out", str(tmp_path / "flips.json"))
    assert done.code == Exit.STOPPED and len(done.lines) == 4
    assert not (tmp_path / "flips.json").exists()
