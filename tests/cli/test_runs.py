"""`runs` lists what is kept, hands it over and takes it in, and deletes only what can be brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.answer import Question
from core.runs.store import RunStore
from core.runs.turns import Exchange
from tests.cli.conftest import Command


@pytest.fixture
def kept(tmp_path: Path) -> RunStore:
    """A folder with two runs."""
    store = RunStore(tmp_path / "data")
    for question in ("Is the door open?", "=1+1"):
        with store.create() as run:
            run.add(Exchange(Question(question)))
            run.tag("first" if "door" in question else "second")
    return store


def test_runs_are_listed_and_shown(command: Command, kept: RunStore) -> None:
    ran = command("runs", "list", "--data", kept.folder)
    assert sorted(line["title"] for line in ran.lines) == ["=1+1", "Is the door open?"]
    [line] = command("runs", "list", "--search", "DOOR first", "--data", kept.folder).lines
    assert line["tags"] == ["first"] and line["bytes"] > 0 and line["created"].endswith("+00:00")
    [shown] = command("runs", "show", line["run"], "--data", kept.folder).lines
    assert [turn["question"] for turn in shown["turns"]] == ["Is the door open?"] and shown["damage"] == []


def test_a_run_is_handed_over(command: Command, kept: RunStore, tmp_path: Path) -> None:
    [line] = command("runs", "list", "--search", "door", "--data", kept.folder).lines
    bundle, elsewhere = tmp_path / "door.zip", tmp_path / "elsewhere"
    assert command("runs", "export", line["run"], bundle, "--data", kept.folder).lines[0]["bytes"] > 100
    taken = command("runs", "import", bundle, "--data", elsewhere)
    assert taken.code == 0 and [info.id for info in RunStore(elsewhere).list()] == [taken.lines[0]["run"]]
    refused = command("runs", "import", kept.folder / "limits.json", "--data", elsewhere)
    assert refused.code == 2 and "is not there" in refused.told


def test_a_run_is_reported_and_bundled(
    command: Command, kept: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [line] = command("runs", "list", "--search", "door", "--data", kept.folder).lines
    monkeypatch.chdir(tmp_path)
    reported = command("report", line["run"], "--data", kept.folder)
    assert reported.code == 0 and reported.lines[0]["file"] == f"{line['run']}.html"
    assert "Is the door open?" in (tmp_path / f"{line['run']}.html").read_text(encoding="utf-8")
    bundled = command("bundle", line["run"], "-o", tmp_path / "b.zip", "--data", kept.folder)
    assert bundled.lines[0]["bytes"] == (tmp_path / "b.zip").stat().st_size and bundled.lines[0]["damage"] == []
    assert command("runs", "import", tmp_path / "b.zip", "--data", tmp_path / "elsewhere").code == 0
    refused = command("report", line["run"], "-o", tmp_path, "--data", kept.folder)
    assert refused.code == 2 and "not a regular file" in refused.told


def test_what_is_deleted_can_be_brought_back(command: Command, kept: RunStore) -> None:
    run = kept.list()[0].id
    deleted = command("runs", "delete", run, "--data", kept.folder)
    assert f"`sightline runs undelete {run}` brings it back" in deleted.told
    assert [line["run"] for line in command("runs", "list", "--trash", "--data", kept.folder).lines] == [run]
    assert command("runs", "show", run, "--data", kept.folder).code == 2
    assert command("runs", "undelete", run, "--data", kept.folder).lines[0]["run"] == run


def test_what_is_broken_is_told_and_the_rest_shown(command: Command, kept: RunStore) -> None:
    run = kept.list()[0]
    (run.folder / "run.json").write_bytes(b"{")
    assert command("runs", "list", "--data", kept.folder).lines[0]["trouble"].startswith("run.json is damaged")
    shown = command("runs", "show", run.id, "--check", "--data", kept.folder)
    assert shown.code == 1 and len(shown.lines[0]["turns"]) == 1 and "run.json is damaged" in shown.told


def test_limits_are_told_and_delete_nothing(command: Command, kept: RunStore) -> None:
    limits = command("runs", "limits", "--gigabytes", 0, "--data", kept.folder)
    assert len(limits.lines[0]["over"]) == 2 and "Nothing is deleted." in limits.told
    over = command("runs", "list", "--over-limits", "--data", kept.folder).lines
    assert len(over) == 2 and all("than the limit" in line["why"] for line in over)
    assert command("runs", "limits", "--none", "--data", kept.folder).lines[0]["over"] == []
