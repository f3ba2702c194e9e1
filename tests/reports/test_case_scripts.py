"""Scripts of Case Studies and History make what their pages show."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import core
from core.cases import street as street_module
from core.cases.results import read_run
from core.reports.case_scripts import (
    benchmark_script,
    league_script,
    survey_script,
    two_answers_script,
    two_models_script,
)
from core.runs.run import Run
from core.vlm.hf.network import TransformersModel
from tests.reports.test_scripts import here

Execute = Callable[[str], dict[str, Any]]


@pytest.fixture
def execute(street: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(vars(core), "load_model", lambda *_, **named: street)
    some = street_module.street_cases
    monkeypatch.setattr(street_module, "street_cases", lambda each: islice(some(each), 2))

    def run(text: str) -> dict[str, Any]:
        text.encode("ascii")
        names: dict[str, Any] = {}
        exec(compile(here(text), "script.py", "exec"), names)
        return names

    return run


def test_results_are_asked_again_and_set_beside_each_other(
    execute: Execute, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = execute(benchmark_script(None, "street", "", 2, 1))
    assert len(left["results"].results) == 2 and capsys.readouterr().out
    file = tmp_path / "results.jsonl"
    assert [one.said for one in read_run(file).results] == [one.said for one in left["results"].results]
    comparison = execute(two_models_script(file, file))["comparison"]
    assert comparison.both + comparison.neither == 2


def test_a_survey_and_the_league_are_printed(
    execute: Execute, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(street_module, "street_cases", lambda each: [])  # a scene takes seconds
    assert execute(survey_script(None, 1))["lines"] == ()
    execute(league_script())
    assert "relevancy" in capsys.readouterr().out


def test_two_answers_of_runs_are_aligned(
    run: Run, execute: Execute, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_DATA", str(run.folder.parents[1]))
    place = (run.id, run.conversation[0].id)
    left = execute(two_answers_script(place, place))
    assert left["one"].text == left["other"].text and len(capsys.readouterr().out.splitlines()) == len(
        left["one"].tokens
    )
    assert execute(two_answers_script(place, place))["store"].folder == run.folder.parents[1]


def test_a_folder_and_a_name_are_literals() -> None:
    text = benchmark_script(None, "mmvp", '"); import os #\n', 3, 1)
    compile(text, "script.py", "exec")
    assert "import os #\\n" in text
