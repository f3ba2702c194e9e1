"""Runs are listed, searched, copied, deleted by the user alone, and brought back."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.answer import Answer, Question
from core.errors import RunError
from core.runs.budget import StoreLimits
from core.runs.place import data_folder
from core.runs.run import Run
from core.runs.search import matching
from core.runs.store import RunStore
from core.runs.turns import Exchange


def asked(store: RunStore, *questions: str) -> str:
    with store.create() as run:
        for question in questions:
            run.add(Exchange(Question(question)))
    return run.id


def test_runs_are_listed_the_newest_first_with_what_they_are(store: RunStore, run: Run, answer: Answer) -> None:
    os.rename(run.folder, run.folder.with_name("20000101-000000-000000"))
    later = asked(store, "Later?")
    (store.folder / "runs" / "notes").mkdir()
    newest, oldest = store.list()
    assert (newest.id, newest.title, newest.models, newest.thumbnail()) == (later, "Later?", (), None)
    assert (oldest.id, oldest.title) == ("20000101-000000-000000", "What is it?")
    small = oldest.thumbnail()
    assert small is not None and max(small.size) <= 128 and oldest.bytes > 1000
    assert store.size() >= oldest.bytes + newest.bytes


def test_every_word_is_looked_for_everywhere(store: RunStore, run: Run, answer: Answer) -> None:
    run.tag("Doors")
    run.note("see page 4")
    other = asked(store, "Where is the DOOR?", "And the house?")

    def those(words: str) -> set[str]:
        return {info.id for info in matching(store.list(), words)}

    assert those("door") == {run.id, other} and those("door HOUSE") == {other} and those("") == {run.id, other}
    assert those("doors page") == {run.id} and those(answer.text.split()[0].casefold()) >= {run.id}
    assert those(f"{run.manifest.models[0].card.name} it?") == {run.id} and those("door nowhere") == set()


def test_a_copy_is_a_run_of_its_own(store: RunStore, run: Run) -> None:
    copy = store.duplicate(run.id)
    store.rename(copy, "Mine")
    store.tag(copy, "b")
    with store.open(copy) as opened:
        assert opened.id == copy and opened.turn(opened.conversation[0].id).answer is not None
    assert store.info(run.id).title == "What is it?" and store.info(copy).title == "Mine"


def test_a_deleted_run_comes_back_until_the_trash_is_emptied(store: RunStore) -> None:
    id_ = asked(store, "Which?")
    store.delete(id_)
    assert store.list() == () and [info.title for info in store.trash()] == ["Which?"]
    with pytest.raises(RunError, match="look into the trash"):
        store.open(id_)
    store.undelete(id_)
    assert [info.title for info in store.list()] == ["Which?"] and store.trash() == ()
    store.delete(id_)
    assert store.empty_trash() > 0 and store.trash() == ()
    with pytest.raises(RunError, match="removed for good"):
        store.undelete(id_)


def test_limits_propose_the_oldest_and_remove_nothing(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [asked(store, f"Number {number}?") for number in range(3)]
    for id_ in ids:
        os.utime(store.info(id_).folder)
    by_change = [info.id for info in sorted(store.list(), key=lambda info: info.changed)]
    assert store.proposed() == ()
    store.set_limits(StoreLimits(bytes=sum(info.bytes for info in store.list()) - 1))
    assert [one.run.id for one in store.proposed()] == by_change[:1]
    store.set_limits(StoreLimits(days=30))
    assert store.proposed() == () and store.limits == StoreLimits(days=30)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
    assert [one.run.id for one in store.proposed()] == by_change and len(store.list()) == 3
    assert "last changed 31 days ago" in store.proposed()[0].why


def test_runs_lie_in_the_users_folder_or_where_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path))
    assert data_folder() == RunStore().folder == tmp_path
    monkeypatch.delenv("SIGHTLINE_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data_folder().is_relative_to(tmp_path) and data_folder().name == "sightline"
