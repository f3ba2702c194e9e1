"""Whatever a command is to write is refused at the start where it cannot be written, and lost by no end of it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from core.cli import asking, console
from core.cli.app import app
from core.cli.console import Exit
from core.errors import LineNotKept, NotWritten
from core.writing import PART, reserved
from tests.cases.folders import save_mmvp
from tests.hostile.files import unwritable

OUTPUTS = {
    "explain": "explain --question q --html OUT",
    "evidence": "evidence --question q --html OUT",
    "cases run": "cases run --street 1 --out OUT",
    "cases report": "cases report run.jsonl --html OUT",
    "survey": "survey --out OUT",
    "league": "league --out OUT",
    "league summary": "league --out league.jsonl --summary OUT",
    "flips": "flips --journal OUT",
    "flips table": "flips --out OUT",
    "claims": "claims shared_heads --journal OUT",
    "claims file": "claims shared_heads --out OUT",
    "findings": "findings --journal OUT",
    "findings file": "findings --out OUT",
    "study": "study shared_heads --journal OUT",
    "families": "families --check --matrix OUT",
    "report": "report RUN --output OUT",
    "bundle": "bundle RUN --output OUT",
    "runs export": "runs export RUN OUT",
    "doubt": "doubt --street 1 --out OUT",
    "doubt summary": "doubt --street 1 --out doubt.jsonl --summary OUT",
    "remedies": "remedies --street 1 --out OUT",
    "remedies summary": "remedies --street 1 --out remedies.jsonl --summary OUT",
    "probes": "probes --out OUT",
    "probes summary": "probes --out probes.jsonl --summary OUT",
    "steer": "steer --probes probes.jsonl --out OUT",
    "steer probes": "steer --probes OUT --out steering.jsonl",
    "steer summary": "steer --probes probes.jsonl --out steering.jsonl --summary OUT",
    "known-cause": "known-cause --out OUT",
    "known-cause summary": "known-cause --out known.jsonl --summary OUT",
    "checks": "checks --out OUT",
    "checks summary": "checks --out checks.jsonl --summary OUT",
    "true-effects": "true-effects --out OUT",
    "true-effects summary": "true-effects --out true.jsonl --summary OUT",
    "heads": "heads --folder set --out OUT",
}


JOURNALS = {
    *("cases run", "survey", "league", "flips", "claims", "findings", "study"),
    *("doubt", "remedies", "probes", "steer", "steer probes", "known-cause", "checks", "true-effects", "heads"),
}
"""They lock theirs by itself: see test_readers."""


class Loaded(Exception):
    """A model was loaded: it was not refused at the start."""


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Begin a command in a folder of its own, in which no model can be loaded."""

    def load(*arguments: object, **options: object) -> None:
        raise Loaded

    monkeypatch.setattr(asking, "load_model", load)
    monkeypatch.setattr("core.zoo.matrix.try_row", load)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGHTLINE_DATA", str(tmp_path / "data"))
    header = {"sightline": "cases", "set": "own", "model": "m", "settings": {}, "about": {}}
    (tmp_path / "run.jsonl").write_text(json.dumps(header) + "\n", encoding="utf-8")

    save_mmvp(tmp_path / "set", pictures=2)

    def run(words: str, **places: Path) -> Result:
        given = [str(places.get(word, word)) for word in shlex.split(words)]
        return CliRunner().invoke(app, given)

    return run


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(
    name: str, begun: Callable[..., Result], tmp_path: Path
) -> None:
    for place in unwritable(tmp_path):
        done = begun(OUTPUTS[name], OUT=place)
        assert done.exit_code == Exit.REFUSED, (place, done.output)
        told = " ".join(done.output.split())
        assert any(why in told for why in ("be written", "not a regular file", "leads nowhere")), told
        assert "Traceback" not in told


@pytest.mark.parametrize("name", sorted(set(OUTPUTS) - JOURNALS))
def test_two_do_not_work_for_one_file(name: str, begun: Callable[..., Result], tmp_path: Path) -> None:
    with reserved(tmp_path / "out"):
        done = begun(OUTPUTS[name], OUT=tmp_path / "out")
    assert done.exit_code == Exit.REFUSED and "Another run is working for out" in done.output, done.output


@pytest.mark.parametrize(
    "words",
    [
        "league --out one.json --summary one.json",
        "claims shared_heads --journal one.json --out ./one.json",
        "flips --journal one.json --out one.json",
        "cases report run.jsonl --html run.jsonl",
        "explain --question q --image one.png --html one.png",
    ],
)
def test_no_file_is_written_over_another_that_the_command_needs(words: str, begun: Callable[..., Result]) -> None:
    done = begun(words)
    assert done.exit_code == Exit.REFUSED and "is named for two things" in done.output, done.output


def test_a_reservation_leaves_nothing_and_can_be_had_again(tmp_path: Path) -> None:
    for _ in range(2):
        with reserved(tmp_path / "new" / "out", None):
            assert len(list((tmp_path / "new").iterdir())) == 1
        assert list((tmp_path / "new").iterdir()) == []


def test_a_reservation_removes_what_a_killed_process_left_of_the_file_and_nothing_else(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for name in (f".out.{dead.pid}.0a{PART}", f".out.{os.getpid()}.0a{PART}", f".other.{dead.pid}.0a{PART}"):
        (tmp_path / name).touch()
    with reserved(tmp_path / "out"):
        pass
    assert {part.name.split(".")[1] for part in tmp_path.iterdir()} == {"out", "other"}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.fixture
def silent() -> Any:
    """A command that tells three lines, in a group that is guarded as all are."""
    group = typer.Typer(cls=console.Guarded, pretty_exceptions_enable=False)

    @group.command()
    def tell() -> None:
        for number in range(3):
            console.emit({"line": number})

    group.command("other")(lambda: None)
    return group


@pytest.mark.parametrize(("number", "told"), [(32, ""), (28, "cannot be written to standard output (No space left")])
def test_a_reader_who_leaves_is_no_fault_and_a_full_disk_is_told(
    number: int, told: str, silent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def echo(text: str) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(console.typer, "echo", echo)
    monkeypatch.setattr(console, "_read_no_more", lambda: None)
    done = CliRunner().invoke(silent, ["tell"])
    assert done.exit_code == (Exit.REFUSED if told else Exit.STOPPED)
    assert told in " ".join(done.output.split()) and bool(done.output) == bool(told)


def test_a_full_disk_stops_a_run_that_can_go_on() -> None:
    assert console._code_of(LineNotKept("full")) == Exit.STOPPED
    assert console._code_of(NotWritten("full")) == Exit.REFUSED
