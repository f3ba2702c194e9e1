"""Scripts of Case Studies and History make what their pages show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import core
from core.cases import street as street_module
from core.cases.kept_remedies import read_remedies
from core.cases.results import read_run
from core.reports.case_scripts import (
    benchmark_script,
    claim_script,
    doubt_script,
    league_script,
    remedies_script,
    survey_script,
    two_answers_script,
    two_models_script,
)
from core.runs.run import Run
from core.vlm.hf.network import TransformersModel
from core.vlm.loading import EMBEDDED, TWIN
from tests.reports.test_scripts import here

Execute = Callable[[str], dict[str, Any]]


@pytest.fixture
def execute(street: TransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Execute:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(vars(core), "load_model", lambda *_, **named: street)
    some = street_module.street_cases
    monkeypatch.setattr(street_module, "street_cases", lambda each, *of: islice(some(each, *of), 2))

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


def test_a_claim_is_measured_again(execute: Execute, capsys: pytest.CaptureFixture[str]) -> None:
    report = execute(claim_script(None, "text_over_image", 1))["report"]
    assert report.key == "text_over_image" and report.asked == 1
    assert report.because in capsys.readouterr().out


def test_remedies_are_tried_again_with_what_was_chosen(
    execute: Execute, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = read_remedies().found
    doors = [replace(one, ranking=one.ranking[:1]) for one in known.families if one.family == "truck door"]
    few = replace(known, families=tuple(doors), cases=2)
    some = street_module.street_cases
    wanted = []

    def cases(each: int, families: tuple[str, ...]) -> list[Any]:
        wanted.append((each, families))
        return list(some(each, families))

    monkeypatch.setattr(street_module, "street_cases", cases)
    found = execute(remedies_script(EMBEDDED, few))["found"]
    assert wanted == [(2, ("truck door",))] and found.asked == 2 and found.set_of_cases == known.set_of_cases
    assert [one.family for one in found.families] == ["truck door"]
    assert [row.remedy for row in found.families[0].ranking] == [doors[0].ranking[0].remedy]
    assert doors[0].ranking[0].name in capsys.readouterr().out


def test_a_folders_cases_are_chosen_by_the_seed_of_the_command() -> None:
    found = replace(read_remedies().found, folder="/pictures", set_of_cases="mmvp", cases=40)
    text = remedies_script(None, found, 'sightline remedies "/pictures" --cases 40 --seed 3')
    compile(text, "script.py", "exec")
    assert "number=40, seed=3" in text and 'folder="/pictures"' in text


def test_doubt_is_measured_again_on_the_cases_of_the_command(execute: Execute) -> None:
    found = execute(doubt_script(EMBEDDED, 1, "sightline doubt --street 1 --out doubt.jsonl"))["found"]
    assert found.asked == found.cases == 1 and found.measured_on.startswith("Measured on 1 held-out")
    of_folder = doubt_script(None, 9, 'sightline doubt "/my pictures" --limit 9')
    compile(of_folder, "script.py", "exec")
    assert 'Path("/my pictures")' in of_folder and "cases[:9]" in of_folder


def test_a_script_names_the_model_that_figures_are_of() -> None:
    assert 'load_model("honest-twin")' in claim_script(TWIN, "picture_free_circuit", 12)
    assert "load_model()" in claim_script(EMBEDDED, "picture_free_circuit", 12)


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
