"""`sightline doubt`: what is told, what is written, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from core.cli import doubt as command_of
from core.cli.console import Exit
from core.doubt.registry import signals
from tests.cli.conftest import Command
from tests.doubt.made import lines


def test_without_a_file_the_signals_are_listed(command: Command) -> None:
    told = command("doubt")
    assert told.code == Exit.DONE and [line["signal"] for line in told.lines] == list(signals())
    assert {line["more doubt"] for line in told.lines} == {"higher", "lower"}
    assert command("doubt", "--street", "1").code == Exit.REFUSED


def test_what_is_asked_must_be_clear(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "doubt.jsonl"
    assert "Give a folder of cases" in command("doubt", "--out", out).told
    assert command("doubt", "--out", out, "--street", "1", "--signal", "horoscope").code == Exit.REFUSED
    assert not out.exists()


def test_a_folder_is_measured_and_too_few_are_told(command: Command, scene: Path, tmp_path: Path) -> None:
    folder, out, summary = tmp_path / "folder", tmp_path / "doubt.jsonl", tmp_path / "doubt.json"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.open(scene).save(folder / name)
    with (folder / "cases.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["id", "image", "question", "expected"])
        writer.writerows(
            [["1", "a.png", "Is there a dog in the picture?", "yes"], ["2", "b.png", "What is it?", "cat"]]
        )
    options = ["--signal", "logprob", "--signal", "spread", "--out", out, "--summary", summary]
    told = command("doubt", folder, *options)
    assert told.code == Exit.DONE, told.told
    kept = json.loads(summary.read_text(encoding="utf-8"))
    assert kept["cases"] == 2 and kept["calibrations"] == [] and "are needed" in kept["uncalibrated"]
    assert kept["command"].startswith(f"sightline doubt {folder} --signal logprob --signal spread --out")
    assert told.lines[-1]["complete"]


def test_figures_are_a_line_each(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_of, "run_doubt", lambda *_, **__: lines(90))
    summary = tmp_path / "doubt.json"
    told = command("doubt", "--street", "3", "--out", tmp_path / "doubt.jsonl", "--summary", summary)
    assert told.code == Exit.DONE
    whole = [line for line in told.lines[:-1] if line["label"] == "answer" and not line["family"]]
    assert {line["signal"] for line in whole} == {*signals(), "combined"}
    assert all(0 <= line["auroc"]["low"] <= line["auroc"]["high"] <= 1 for line in whole)
    assert {one["tier"] for one in told.lines[-1]["calibrations"]} == {"quick", "full"}
    assert "right words are marked" in told.told
