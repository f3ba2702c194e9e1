"""The league from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from core.cases.league_file import read_league_file
from core.cli.console import Exit
from tests.cli.conftest import Command


def test_the_summary_names_the_command_that_gives_it(command: Command, tmp_path: Path) -> None:
    out, summary = tmp_path / "league.jsonl", tmp_path / "league.json"
    options = ["--cases", "1", "--method", "raw_attention", "--family", "object colour"]
    done = command("league", *options, "--out", str(out), "--summary", str(summary))
    assert done.code == Exit.DONE
    about = done.lines[-1]
    assert about["command"] == (
        f'sightline league --cases 1 --method raw_attention --family "object colour" --out {out} --summary {summary}'
    )
    assert read_league_file(summary).command == about["command"]
    assert json.loads(summary.read_text(encoding="utf-8"))["model"] == about["model"]


def test_a_method_that_is_none_is_refused_with_those_there_are(command: Command, tmp_path: Path) -> None:
    done = command("league", "--method", "guess", "--out", str(tmp_path / "league.jsonl"))
    assert done.code == Exit.REFUSED and "raw_attention" in done.told
