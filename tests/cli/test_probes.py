"""Probes and steering from the command line, of measurements that are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.cases.knowing.summary import COMMITTED, read_probes
from core.cases.steering.summary import committed, read_steering
from core.cli import probes as probes_command
from core.cli import steering as steering_command
from core.cli.console import Exit
from core.vlm.cancel import Cancelled
from core.vlm.loading import EMBEDDED, TWIN
from tests.cli.conftest import Command


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the measurements were asked for; they stop where 9 cases are wanted."""
    calls: list[Any] = []

    def probed(model: Any, cases: Any, out: Path, **named: Any) -> Any:
        calls.append((model, len(cases), named["of"], named["label"], named["decides"], named["where"]))
        if len(cases) == 9:
            raise Cancelled("stopped")
        return read_probes(COMMITTED[0]).knowing

    def steered(model: Any, cases: Any, probes: Path, out: Path, **named: Any) -> Any:
        calls.append((model, len(cases), probes.name, named["found_at"], named["at"], named["strengths"]))
        return replace(read_steering(committed()[0]).steering, used=3)

    for module in (probes_command, steering_command):
        monkeypatch.setattr(module, "load", lambda spec: spec.source)
    monkeypatch.setattr(probes_command, "expected", lambda *_: type("Told", (), {"long": False})())
    monkeypatch.setattr(probes_command, "drawn", lambda family, label, number: [None] * number)
    monkeypatch.setattr(probes_command, "run_probes", probed)
    monkeypatch.setattr(steering_command, "run_steering", steered)
    return calls


def test_probes_tell_their_rule_their_table_and_the_command(command: Command, asked: list[Any], tmp_path: Path) -> None:
    out, summary = tmp_path / "p.jsonl", tmp_path / "p.json"
    options = ["--family", "house door", "--label", "dog present", "--cases", "3", "--where", "mlp"]
    done = command("probes", *options, "--out", out, "--summary", summary, "--model", "honest-twin")
    assert done.code == Exit.DONE
    assert asked == [(TWIN.source, 3, "drawn streets: house door", "dog present", False, "mlp")]
    kept = json.loads(summary.read_text(encoding="utf-8"))
    options_told = '--family "house door" --label "dog present" --cases 3 --where mlp --model honest-twin'
    assert kept["command"] == f"sightline probes {options_told} --out {out} --summary {summary}"
    assert done.lines[-1]["verdict"] == "knows and does not say" and kept["places"] == done.lines[:-1]
    assert "A label can be read at a place where" in done.told and "| into layer |" in done.told


def test_a_stopped_run_of_probes_writes_no_summary(command: Command, asked: list[Any], tmp_path: Path) -> None:
    summary = tmp_path / "p.json"
    done = command("probes", "--cases", "9", "--out", tmp_path / "p.jsonl", "--summary", summary)
    assert done.code == Exit.STOPPED and not summary.exists()
    assert asked[0][2:5] == ("drawn streets: truck door", "truck door", True)


def test_steering_names_its_places_and_doses(command: Command, asked: list[Any], tmp_path: Path) -> None:
    out, summary = tmp_path / "s.jsonl", tmp_path / "s.json"
    options = ["--cases", "4", "--found-at", "question", "--at", "question", "--dose", "2", "--dose", "-2"]
    done = command("steer", *options, "--probes", tmp_path / "p.jsonl", "--out", out, "--summary", summary)
    assert done.code == Exit.DONE and asked == [(EMBEDDED.source, 4, "p.jsonl", "question", "question", [2.0, -2.0])]
    kept = json.loads(summary.read_text(encoding="utf-8"))
    assert kept["command"].startswith("sightline steer --cases 4 --found-at question --at question --dose 2 --dose -2")
    assert done.lines[-1]["verdict"] == "undecided" and "vectors" not in done.lines[-1] and kept["vectors"]
    refused = command("steer", "--at", "nowhere", "--probes", tmp_path / "p.jsonl", "--out", out)
    assert refused.code == Exit.REFUSED
