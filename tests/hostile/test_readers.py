"""Whatever a file holds, its reader gives values or a sentence that names it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cases.journal import Journal, check_journal, kind_of, read_journal
from core.cases.league_file import read_league_file
from core.cases.notes import read_notes
from core.cases.ranking import check_line, ranking
from core.cases.results import read_run
from core.cases.survey import correlations, read_survey
from core.cases.tables import read_csv, read_json
from core.claims.report import read_results
from core.errors import FolderError, JournalError, NotesError, SightlineError, UnreadableImage, UnreadableVideo
from core.images import open_file
from core.videos import open_video
from tests.hostile.files import damaged, foreign, unwritable


def never(facts: Any) -> Any:
    raise AssertionError("it is no video")


READERS: dict[str, tuple[Callable[[Path], object], type[SightlineError]]] = {
    "league.json": (read_league_file, JournalError),
    "claims.json": (read_results, JournalError),
    "notes.json": (read_notes, NotesError),
    "run.jsonl": (read_run, JournalError),
    "survey.jsonl": (read_survey, JournalError),
    "league.jsonl": (lambda file: read_journal(file, "league"), JournalError),
    "table.csv": (lambda file: read_csv(file, ["question"]), FolderError),
    "table.json": (lambda file: read_json(file, ["question"]), FolderError),
    "picture.png": (open_file, UnreadableImage),
    "video.mp4": (lambda file: open_video(file, never), UnreadableVideo),
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_such_file_is_told_by_name(name: str, tmp_path: Path) -> None:
    read, error = READERS[name]
    file = tmp_path / name
    pipe = tmp_path / f"pipe of {name}"
    os.mkfifo(pipe)
    harmless = {"notes.json": ("JSON {}",)}.get(name, ())
    for what, content in foreign():
        file.write_bytes(content)
        if what not in harmless:
            with pytest.raises(error, match=name.replace(".", r"\.")):
                read(file)
    with pytest.raises(error, match="not a regular file"):
        read(pipe)
    (tmp_path / f"folder of {name}").mkdir()
    with pytest.raises(error, match="folder"):
        read(tmp_path / f"folder of {name}")


@pytest.mark.parametrize("name", ["league.json", "claims.json"])
def test_one_odd_value_in_what_comes_along_is_a_sentence_or_does_not_matter(name: str, tmp_path: Path) -> None:
    from core.assets import asset

    read, file = READERS[name][0], tmp_path / name
    refused = 0
    whole = json.loads(asset(name).read_text(encoding="utf-8"))
    part = "ranking" if name == "league.json" else "claims"
    whole[part] = whole[part][:1]
    whole["recommended"] = None
    for what, changed in damaged(whole):
        file.write_text(json.dumps(changed), encoding="utf-8")
        try:
            read(file)
        except JournalError as error:
            refused += 1
            assert str(error).startswith(f"{name} holds no") and "(" in str(error), what
    assert refused > 100


def test_a_league_that_recommends_a_method_that_it_has_not_says_so(tmp_path: Path) -> None:
    from core.assets import asset

    file = tmp_path / "league.json"
    file.write_text(asset("league.json").read_text().replace('"recommended": "', '"recommended": "no '))
    with pytest.raises(JournalError, match=r"it recommends 'no \w+', which is none of its methods"):
        read_league_file(file)


SURVEYED = {"id": "a", "family": "", "phrasings": 2, "contradictions": 0.5, "image_share": None, "dependence": 1.5}
LINE: dict[str, Any] = {
    "case": "a",
    "family": "colour",
    "method": "relevancy",
    "figures": {"deletion": {"value": 0.5, "half": None}},
    "seconds": 1.0,
    "stages": [["layer 0", 0.5]],
}


def test_odd_lines_of_a_survey_are_told_by_number(tmp_path: Path) -> None:
    file, header = tmp_path / "survey.jsonl", {"sightline": "survey", "model": "m"}
    refused = 0
    for what, line in damaged(SURVEYED):
        file.write_text("\n".join([json.dumps(header), json.dumps(SURVEYED), json.dumps(line), ""]), encoding="utf-8")
        try:
            correlations(read_survey(file))
        except JournalError as error:
            refused += 1
            assert "Line 3 of survey.jsonl" in str(error), what
    assert refused > 20


def test_odd_lines_of_a_league_are_found_before_it_is_ranked() -> None:
    refused = 0
    for _, line in damaged(LINE):
        try:
            check_line(line)
        except ValueError:
            refused += 1
        else:
            ranking({}, [LINE, line])
    assert refused > 30


def test_a_journal_is_only_begun_where_a_file_can_be(tmp_path: Path) -> None:
    for place in unwritable(tmp_path):
        for begin in (lambda file: Journal(file, "test", {}, {}), lambda file: check_journal(file, "test")):
            with pytest.raises(JournalError, match=r"cannot be written|not a regular file"):
                begin(place)
        assert kind_of(place) is None
    assert check_journal(tmp_path / "new" / "run.jsonl", "test") is None
    assert list((tmp_path / "new").iterdir()) == []


def test_a_journal_of_another_kind_or_another_writer_is_told_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    with Journal(file, "test", {}, {}), pytest.raises(JournalError, match="Another run is writing"):
        check_journal(file, "test")
    check_journal(file, "test")
    with pytest.raises(JournalError, match="not written by a run of this kind"):
        check_journal(file, "league")
