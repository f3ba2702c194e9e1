"""Notes are saved whole or not at all, and a place that cannot be written to costs nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.cases.notes import Note, annotate, notes_file, read_notes
from core.errors import NotesError, NotSaved


def test_notes_lie_beside_their_results(tmp_path: Path) -> None:
    assert notes_file(tmp_path / "pope.jsonl") == tmp_path / "pope.notes.json"


def test_notes_come_back_and_can_be_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "run.notes.json"
    assert read_notes(file) == {}
    annotate(file, "random/1", Note("sees a “dog”\n<b>", ("hallucination", "tür")))
    assert annotate(file, "2", Note("", ("easy",))) == read_notes(file)
    assert read_notes(file)["random/1"] == Note("sees a “dog”\n<b>", ("hallucination", "tür"))
    assert list(annotate(file, "random/1", Note())) == ["2"]
    assert [path.name for path in tmp_path.iterdir()] == ["run.notes.json"]


def test_what_another_session_noted_stays(tmp_path: Path) -> None:
    file = tmp_path / "run.notes.json"
    annotate(file, "1", Note("mine"))
    file.write_text(json.dumps({**json.loads(file.read_text()), "2": {"text": "theirs", "tags": []}}))
    assert annotate(file, "1", Note("mine, better")) == {"1": Note("mine, better"), "2": Note("theirs")}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"1": "text"}', '{"1": {"text": "a"}}', "\udc80"])
def test_damaged_notes_are_left_as_they_are(tmp_path: Path, content: str) -> None:
    file = tmp_path / "run.notes.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(NotesError, match="left as it is"):
        annotate(file, "1", Note("new"))
    assert file.read_bytes() == content.encode(errors="surrogateescape")


def test_where_nothing_may_be_written_another_place_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    made = Path.open

    def closed(file: Path, mode: str = "r", **more: Any) -> object:  # as root, who may run the tests, no folder is
        if file.parent == tmp_path / "closed" and "x" in mode:
            raise PermissionError(13, "Permission denied")
        return made(file, mode, **more)

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(NotSaved, match=r"could not be saved in .* \(Permission denied\)\. Give yourself") as refused:
        annotate(tmp_path / "closed" / "run.notes.json", "1", Note("new"))
    assert annotate(refused.value.elsewhere, "1", Note("new")) == {"1": Note("new")}


def test_a_note_that_fails_to_be_written_leaves_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.notes.json"
    annotate(file, "1", Note("old"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotSaved, match="No space left on device"):
        annotate(file, "1", Note("new"))
    assert read_notes(file) == {"1": Note("old")}
    assert [path.name for path in tmp_path.iterdir()] == ["run.notes.json"]
