"""A journal loses no finished line, takes up after a torn one, and never mixes two runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cases.journal import Journal, kind_of, read_journal
from core.errors import JournalError, OtherRun


def journal(file: Path, **identity: object) -> Journal:
    return Journal(file, "test", identity or {"model": "one"}, {"note": "free"})


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    with journal(tmp_path / "new" / "run.jsonl") as run:
        run.append({"id": 1, "said": "Grün\n\udc80"})
        run.append({"id": 2})
    header, records = read_journal(tmp_path / "new" / "run.jsonl", "test")
    assert header == {"sightline": "test", "model": "one", "about": {"note": "free"}}
    assert records == [{"id": 1, "said": "Grün\n\udc80"}, {"id": 2}]


@pytest.mark.parametrize("cut", range(1, 11))
def test_a_torn_last_line_is_dropped_wherever_it_was_torn(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "run.jsonl"
    with journal(file) as run:
        run.append({"id": 1})
        run.append({"id": 2})
    file.write_bytes(file.read_bytes()[:-cut])
    assert read_journal(file, "test")[1] == [{"id": 1}]
    with journal(file) as run:
        assert run.records == [{"id": 1}]
        run.append({"id": 3})
    assert read_journal(file, "test")[1] == [{"id": 1}, {"id": 3}]


def test_a_torn_header_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text('{"sightline": "te')
    with journal(tmp_path / "run.jsonl") as run:
        assert run.records == []


def test_another_identity_is_refused_by_name_and_the_file_is_left(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    with journal(file, model="one", tokens=(1, 2)) as run:
        run.append({"id": 1})
    before = file.read_bytes()
    with journal(file, model="one", tokens=(1, 2)):
        pass
    with pytest.raises(OtherRun, match=r"begun otherwise \(model one there, two here\)"):
        journal(file, model="two", tokens=(1, 2))
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", ["Dear diary", "[1, 2]\n", '{"sightline": "league"}\n', '{"id": 1}\n'])
def test_a_file_that_is_no_journal_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(content)
    with pytest.raises(JournalError, match="left as it is"):
        journal(file)
    assert file.read_text() == content


@pytest.mark.parametrize("damaged", ['{"id"', "3", "\0\0", "[" * 100_000])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, damaged: str) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(json.dumps({"sightline": "test", "model": "one"}) + f'\n{damaged}\n{{"id": 2}}\n')
    with pytest.raises(JournalError, match=r"Line 2 of run\.jsonl is damaged"):
        journal(file)


def test_two_runs_do_not_write_to_one_file(tmp_path: Path) -> None:
    with journal(tmp_path / "run.jsonl"), pytest.raises(JournalError, match=r"Another run is writing to run\.jsonl"):
        journal(tmp_path / "run.jsonl")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot be written \(Not a directory\)|cannot be written \(File exists\)"):
        journal(tmp_path / "file" / "run.jsonl")


def test_what_a_file_is_a_journal_of_is_told_by_its_first_line(tmp_path: Path) -> None:
    with journal(tmp_path / "run.jsonl") as run:
        run.append({"id": 1})
    assert kind_of(tmp_path / "run.jsonl") == "test"
    for number, content in enumerate((b"", b"[1]", b"\xff\x00", b'{"id": 1}\n')):
        (other := tmp_path / f"{number}.jsonl").write_bytes(content)
        assert kind_of(other) is None
    assert kind_of(tmp_path) is kind_of(tmp_path / "gone") is None
