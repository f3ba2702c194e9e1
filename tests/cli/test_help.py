"""The program explains itself quickly, and needs no browser's library to do so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from core.cli import cases
from core.cli.app import app
from core.cli.console import CODES, Exit
from tests.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import runpy, sys
sys.argv = ["core", "cases", "run", "--help"]
try:
    runpy.run_module("core", run_name="__main__")
finally:
    print("imported:", sorted({"streamlit", "torch", "transformers"} & set(sys.modules)))
"""


def test_help_imports_neither_torch_nor_streamlit() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "core cases run [OPTIONS]" in done.stdout
    assert done.stdout.endswith("imported: []\n")


@pytest.mark.parametrize(
    "name",
    [
        "ask",
        "reask",
        "explain",
        "evidence",
        "mechanism",
        "circuit",
        "league",
        "known-cause",
        "probes",
        "steer",
        "checks",
        "true-effects",
        "flips",
        "remedies",
        "claims",
        "findings",
        "study",
        "doubt",
        "cases run",
        "cases report",
    ],
)
def test_every_command_says_what_its_exit_codes_mean(command: Command, name: str) -> None:
    ran = command(*name.split(), "--help")
    assert ran.code == 0
    assert "3 stopped; what is finished is kept" in ran.told


def test_every_number_that_is_given_has_a_most() -> None:
    """Beyond, it would fail wherever it is first used, with an error of that place."""
    unbounded, pending = [], [typer.main.get_command(app)]
    while pending:
        one = pending.pop()
        pending += getattr(one, "commands", {}).values()
        unbounded += [
            f"{one.name} --{option.name}"
            for option in one.params
            if option.type_descriptor.annotation in (int, float) and option.max is None
        ]
    assert unbounded == []


def test_every_exit_code_has_a_meaning() -> None:
    assert all(f"{int(code)} " in CODES for code in Exit)


def test_a_wrong_option_is_refused(command: Command) -> None:
    assert command("ask").code == Exit.REFUSED
    assert command("paint").code == Exit.REFUSED


def test_a_fault_of_the_program_is_none_of_the_foreseen_ends(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(cases, "read_run", broken)
    ran = command("cases", "report", tmp_path / "run.jsonl")
    assert ran.code == Exit.FAULT
    assert "ZeroDivisionError: a fault" in ran.told + capfd.readouterr().err


def test_a_package_that_cannot_be_imported_is_a_sentence(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    monkeypatch.setitem(sys.modules, "core.cli.asking", None)  # as if importing it failed
    ran = command("ask", "--question", "What is it?")
    assert ran.code == Exit.IMPOSSIBLE
    assert "cannot be imported here" in ran.told and "Traceback" not in ran.told
