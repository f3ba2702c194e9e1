"""A known cause from the command line, of a measurement that is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cases.known_cause.figures import known_cause, read_line
from core.cli import known_cause as command_of
from core.cli.console import Exit
from core.vlm.loading import EMBEDDED, TWIN
from tests.cli.conftest import Command


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the measurement was asked for; it stops itself where 9 scenes are wanted."""
    calls: list[Any] = []

    def made_up(looks: Any, habit: Any, out: Path, *rest: Any) -> Any:
        calls.append((looks, habit, *rest[:3]))
        if rest[0] == 9:
            rest[-1].cancel()
        mass = {"word": {"share": 0.5, "mass": 1.0}, "contrast": None}
        masses = {who: {"truck": mass, "house": mass} for who in ("looks", "habit")}
        line = read_line({"case": "doors 1", "method": "raw_attention", "masses": masses})
        return known_cause({"looks": "t", "habit": "m"}, {"looks": "twin", "habit": "street"}, [line])

    monkeypatch.setattr(command_of, "load", lambda spec: spec.source)
    monkeypatch.setattr(command_of, "run_known_cause", made_up)
    return calls


def test_the_summary_is_a_file_of_its_own_and_names_the_command_that_gives_it(
    command: Command, asked: list[Any], tmp_path: Path
) -> None:
    out, summary = tmp_path / "known.jsonl", tmp_path / "known.json"
    done = command("known-cause", "--scenes", "3", "--contrast", "--out", out, "--summary", summary)
    assert done.code == Exit.DONE and asked == [(TWIN.source, EMBEDDED.source, 3, None, True)]
    kept = json.loads(summary.read_text(encoding="utf-8"))
    assert kept["command"] == f"sightline known-cause --scenes 3 --contrast --out {out} --summary {summary}"
    assert kept["ranking"] == done.lines[:-1] and kept["ranking"][0]["word"]["auroc"]["value"] == 0.5
    assert done.lines[-1]["complete"] and kept["effects"]["looks"]["truck"]["value"] is None


def test_a_stopped_measurement_tells_what_it_has_and_writes_no_summary(
    command: Command, asked: list[Any], tmp_path: Path
) -> None:
    summary = tmp_path / "known.json"
    options = ["--looks", "embedded", "--habit", "honest-twin", "--method", "rollout", "--scenes", "9"]
    done = command("known-cause", *options, "--out", tmp_path / "known.jsonl", "--summary", summary)
    assert done.code == Exit.STOPPED and not summary.exists()
    assert done.lines[0]["method"] == "raw_attention" and not done.lines[-1]["complete"]
    assert asked == [(EMBEDDED.source, TWIN.source, 9, ["rollout"], False)]
    assert "--method rollout --looks embedded --habit honest-twin" in done.lines[-1]["command"]
