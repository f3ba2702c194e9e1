"""Findings from the command line: a line and a verdict each, and a file that can be read again."""

from __future__ import annotations

from pathlib import Path

from core.cases.findings.report import read_findings
from core.cli.console import Exit
from tests.cli.conftest import Command


def test_a_finding_is_told_and_kept(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "findings.json"
    options = ("--scenes", "1", "--finding", "visual_words", "--journal", str(tmp_path / "j.jsonl"), "--out", str(out))
    done = command("findings", *options)
    assert done.code == Exit.DONE
    assert "cannot be told (1 of 1 scenes)" in done.told
    [line] = done.lines
    [report] = read_findings(out).findings
    assert line["key"] == report.key == "visual_words" and len(line["figures"]) == len(report.figures)


def test_a_finding_that_there_is_not_is_refused(command: Command, tmp_path: Path) -> None:
    done = command("findings", "--finding", "none", "--journal", str(tmp_path / "j.jsonl"))
    assert done.code == Exit.REFUSED and "shared_heads" in done.told
