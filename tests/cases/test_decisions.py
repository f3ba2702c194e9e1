"""Answers that no rule understands: somebody decides about each once, and that holds when results are read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cases.case import Case
from core.cases.decisions import decide, decisions_file, read_decisions
from core.cases.journal import Journal
from core.cases.rates import accuracy
from core.cases.results import KIND, Result, not_understood, read_run
from core.cases.runner import run_cases
from core.errors import DecisionsError
from core.vlm.model import VisionLanguageModel

CASE = Case("1", "How many dogs?", ("3",), "contains")


def results(file: Path, said: str, model: str = "m", **line: object) -> Path:
    identity = {"set": "plain", "model": model, "settings": {"max_new_tokens": 64, "dependence": True}}
    one = Result("1", 0, CASE.fingerprint(), CASE.question, CASE.expected, said=said, right=False)
    with Journal(file, KIND, identity, {}) as journal:
        journal.append(one.record() | line)
    return file


def test_a_decision_holds_where_the_results_are_read_again_and_for_those_words_alone(tmp_path: Path) -> None:
    file = results(tmp_path / "run.jsonl", "A pack of them.")
    assert [one.id for one in not_understood(read_run(file))] == ["1"]
    decide(decisions_file(file), "1", CASE.fingerprint(), "A pack of them.", True)
    run = read_run(file)
    assert (run.results[0].right, run.results[0].understood, not_understood(run)) == (True, "3", [])
    assert accuracy(run.results).estimate.value == 1.0
    decide(decisions_file(file), "1", CASE.fingerprint(), "A pack of them.", None)
    assert not_understood(read_run(file)) and not read_run(file).results[0].right
    decide(decisions_file(file), "1", CASE.fingerprint(), "Another answer.", True)
    assert not_understood(read_run(file))


def test_wrong_is_a_decision_too(tmp_path: Path) -> None:
    file = results(tmp_path / "run.jsonl", "A pack of them.")
    decide(decisions_file(file), "1", CASE.fingerprint(), "A pack of them.", False)
    run = read_run(file)
    assert not run.results[0].right and run.results[0].decided and not not_understood(run)
    assert "decided" not in run.results[0].record()


@pytest.mark.parametrize(
    "text", ["[", "{}x", '[{"case": "1"}]', '[{"case": 1, "key": "", "said": "", "right": 2}]', "[1]"]
)
def test_a_damaged_file_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.decided.json"
    file.write_text(text)
    with pytest.raises(DecisionsError, match="Move it away"):
        decide(file, "1", "k", "said", True)
    assert file.read_text() == text


def test_answers_that_are_there_are_judged_again_by_todays_rules(llava: VisionLanguageModel, tmp_path: Path) -> None:
    """A line that an earlier version judged wrong has a new one, and the model is not asked for it."""
    file = results(tmp_path / "run.jsonl", r"So \boxed{3}.", llava.card.fingerprint)
    run = run_cases(llava, [CASE], file, name="plain")
    assert (run.results[0].right, run.results[0].said) == (True, r"So \boxed{3}.")
    assert len(file.read_text().splitlines()) == 3
    run_cases(llava, [CASE], file, name="plain")
    assert len(file.read_text().splitlines()) == 3, "once"


def test_what_others_decided_meanwhile_stays(tmp_path: Path) -> None:
    file = tmp_path / "run.decided.json"
    decide(file, "1", "k", "so", True)
    assert decide(file, "2", "l", "not so", False) == {("k", "so"): True, ("l", "not so"): False}
    assert read_decisions(file) == {("k", "so"): True, ("l", "not so"): False}
    assert len(json.loads(file.read_text())) == 2
