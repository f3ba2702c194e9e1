"""`audit` and `survey` tell what wordings do, one line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cases import survey as surveying
from core.cases.phrasings import phrasings
from core.cases.survey import correlations, read_survey
from core.cli import wordings
from tests.cli.conftest import Command


def test_an_audit_tells_every_wording_and_the_verdict(command: Command, scene: Path) -> None:
    question = "Is the truck's door open?"
    ran = command("audit", "--question", question, "--image", scene, "--max-new-tokens", 3)
    made = phrasings(question)
    assert ran.code == 0
    assert [(line["family"], line["question"]) for line in ran.lines[:-1]] == [(p.family, p.text) for p in made]
    assert all(len(line["probability"]) == len(made) for line in ran.lines[:-1])
    assert ran.lines[-1]["verdict"] in ("agree", "differ", "contradict")


def test_wordings_of_ones_own_are_compared_in_any_language(command: Command, scene: Path) -> None:
    asked = ("audit", "--question", "Ist die Tür offen?", "--image", scene, "--max-new-tokens", 3)
    alone = command(*asked)
    assert (alone.code, "Give some with --wording" in alone.told) == (2, True)
    assert len(command(*asked, "--wording", "Ist die Tür zu?").lines) == 3


def test_a_survey_tells_correlations_and_goes_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wordings, "DOORS", ("truck door",))
    monkeypatch.setattr(surveying, "LONGEST", 2)
    out = tmp_path / "survey.jsonl"
    first = command("survey", "--street", 1, "--out", out)
    assert (first.code, first.lines[-1]["questions"]) == (0, 1)
    before = out.read_text(encoding="utf-8")
    assert command("survey", "--street", 1, "--out", out).lines == first.lines
    assert out.read_text(encoding="utf-8") == before
    measures = [(one.measure, one.family) for one in correlations(read_survey(out))]
    assert [(line["measure"], line["family"]) for line in first.lines[:-1]] == measures
