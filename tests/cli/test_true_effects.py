"""True effects from the command line, of a measurement that is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cases.true_effects.figures import read_line, true_effects_of
from core.cases.true_effects.kept import read_true_effects
from core.cli import true_effects as command_of
from core.cli.console import Exit
from tests.cli.conftest import Command


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the measurement was asked for; it stops itself where 9 cases are wanted."""
    calls: list[Any] = []

    def made_up(model: Any, out: Path, *rest: Any) -> Any:
        calls.append((model, *rest[:2]))
        if rest[0] == 9:
            rest[-1].cancel()
        about = {"case": "count 1", "family": "count"}
        effects = {way: [1.0, 0.2, None] for way in ("out", "repainted", "swapped")}
        case = {**about, "method": None, "things": ["cat", "dog", "car"], "pixels": [50, 60, 70], "effects": effects}
        lines = [case, {**about, "method": "raw_attention", "masses": [[2.0, 1.0, 0.5]]}]
        return true_effects_of("m", "street", [read_line(line) for line in lines])

    monkeypatch.setattr(command_of, "load", lambda spec: spec.source)
    monkeypatch.setattr(command_of, "run_true_effects", made_up)
    return calls


def test_the_summary_is_a_file_of_its_own_and_is_read_again(command: Command, asked: list[Any], tmp_path: Path) -> None:
    out, summary = tmp_path / "true.jsonl", tmp_path / "true.json"
    done = command("true-effects", "--cases", "3", "--out", out, "--summary", summary)
    assert done.code == Exit.DONE and asked[0][1:] == (3, None)
    kept = json.loads(summary.read_text(encoding="utf-8"))
    assert kept["command"] == f"sightline true-effects --cases 3 --out {out} --summary {summary}"
    assert kept["ranking"] == done.lines[:-1] and kept["ranking"][0]["near"]["out"]["found"]["value"] == 1
    assert done.lines[-1]["complete"] and kept["ranking"][0]["near"]["out"]["rank"]["value"] is None
    assert read_true_effects(summary).found.ranking[0].method == "raw_attention"


def test_a_stopped_measurement_tells_what_it_has_and_writes_no_summary(
    command: Command, asked: list[Any], tmp_path: Path
) -> None:
    summary = tmp_path / "true.json"
    options = ["--method", "rollout", "--cases", "9", "--out", tmp_path / "true.jsonl", "--summary", summary]
    done = command("true-effects", *options)
    assert done.code == Exit.STOPPED and not summary.exists() and asked[0][1:] == (9, ["rollout"])
    assert done.lines[0]["method"] == "raw_attention" and not done.lines[-1]["complete"]
