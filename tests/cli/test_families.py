"""The command about families: what is described, and what was tried until somebody stopped it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cli import families
from core.cli.families import checked
from core.vlm.cancel import Cancelled, CancelToken
from core.zoo.matrix import COLUMNS, OK, Cell, Row, read
from tests.cli.conftest import Command

ALL_OK: Row = {column: Cell(OK) for column in COLUMNS}


def test_the_families_are_listed(command: Command) -> None:
    lines = {line["family"]: line for line in command("families").lines if "family" in line}
    assert "llava" in lines["llava"]["model_types"]


def test_a_type_without_a_tiny_model_is_refused_by_its_name(command: Command) -> None:
    ran = command("families", "--check", "--only", "no-such-type")
    assert ran.code != 0 and "'no-such-type'" in ran.told


def test_a_stop_keeps_what_was_tried_and_the_rows_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "try_row", lambda name, folder: ALL_OK)
    page, cancel = tmp_path / "matrix.md", CancelToken()
    assert len([*checked(["llava"], page, cancel, lambda done: None)]) == 1
    lines = []
    with pytest.raises(Cancelled):
        for line in checked(["gemma4", "qwen2_vl"], page, cancel, lambda done: None):
            lines.append(line["model_type"])
            cancel.cancel()
    assert lines == ["gemma4"]
    rows = read(page.read_text(encoding="utf-8"))
    assert rows["gemma4"] == ALL_OK == rows["llava"] != rows["qwen2_vl"]
