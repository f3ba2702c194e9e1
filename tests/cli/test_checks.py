"""Tests of the tests from the command line, of a measurement that is made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.cases.checks.figures import checks, read_line
from core.cases.journal import Journal
from core.cli import checks as command_of
from core.cli.console import Exit
from core.vlm.loading import EMBEDDED
from tests.cli.conftest import Command


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the measurement was asked for; it stops itself where 9 things are wanted."""
    calls: list[Any] = []

    def made_up(model: Any, out: Path, *rest: Any) -> Any:
        calls.append((model, *rest[:3]))
        if rest[1] == 9:
            rest[-1].cancel()
        line = {"case": "a", "family": "count", "method": "raw_attention", "noise": 0.9, "levels": None}
        return checks("print", "street", [read_line(line)])

    monkeypatch.setattr(command_of, "load", lambda spec: spec.source)
    monkeypatch.setattr(command_of, "run_checks", made_up)
    return calls


def league(file: Path) -> Path:
    """The journal of a league of two methods over eight cases."""
    with Journal(file, "league", {"model": "print", "settings": {}}, {}) as journal:
        for case in range(8):
            for method, worse in (("relevancy", 0.0), ("rollout", 0.3)):
                figures = {"deletion": {"value": 0.1 * case + worse}}
                journal.append({"case": str(case), "family": "count", "method": method, "figures": figures})
    return file


def test_the_summary_tells_of_methods_metrics_and_the_leagues_that_it_is_given(
    command: Command, asked: list[Any], tmp_path: Path
) -> None:
    own, hidden, summary = league(tmp_path / "own.jsonl"), league(tmp_path / "hidden.jsonl"), tmp_path / "checks.json"
    options = ["--cases", "2", "--things", "3", "--league", own, "--hidden", hidden]
    done = command("checks", *options, "--out", tmp_path / "checks.jsonl", "--summary", summary)
    assert done.code == Exit.DONE and asked == [(EMBEDDED.source, 2, 3, None)]
    kept = json.loads(summary.read_text(encoding="utf-8"))
    assert kept["ranking"] == done.lines[:-1] and kept["ranking"][0]["noise"]["value"] == 0.9
    assert kept["retrained"]["methods"] == 2 and kept["agreement"]["cases"] == 0, "two methods have no order"
    (pair,) = kept["pairs"]
    assert (pair["better"], pair["worse"]) == ("relevancy", "rollout") and pair["difference"]["value"] == 0.3
    assert kept["command"].endswith(
        f"--league {own} --hidden {hidden} --out {tmp_path}/checks.jsonl --summary {summary}"
    )


def test_stopped_checks_write_no_summary(command: Command, asked: list[Any], tmp_path: Path) -> None:
    summary = tmp_path / "checks.json"
    done = command("checks", "--things", "9", "--out", tmp_path / "checks.jsonl", "--summary", summary)
    assert done.code == Exit.STOPPED and not summary.exists() and not done.lines[-1]["complete"]


def test_a_file_that_is_no_league_is_refused_before_anything_is_asked(
    command: Command, asked: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n")
    done = command("checks", "--league", tmp_path / "x.jsonl", "--out", tmp_path / "checks.jsonl")
    assert done.code == Exit.REFUSED and "x.jsonl" in done.told and not asked
