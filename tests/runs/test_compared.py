"""Two runs are set beside each other by their questions, and what a list tells of a run is never an old one's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.answer import Answer, Question, Target
from core.runs import info
from core.runs.bundle import export_bundle
from core.runs.compared import changes, figure_of, paired
from core.runs.manifest import TurnSummary
from core.runs.run import Run
from core.runs.store import RunStore
from core.runs.turns import Exchange


def said(question: str, answer: str | None = None) -> TurnSummary:
    return TurnSummary(question, 0.0, question, answer=answer)


def test_questions_in_the_same_words_stand_beside_each_other() -> None:
    one = [said("What is  it?", " Yes."), said("And the dog?"), said("Why?", "So.")]
    other = [said("what is it?", "Yes."), said("Why?", "Not so."), said("More?")]
    pairs = paired(one, other)
    assert [(pair.one and pair.one.id, pair.other and pair.other.id) for pair in pairs] == [
        ("What is  it?", "what is it?"),
        ("And the dog?", None),
        ("Why?", "Why?"),
        (None, "More?"),
    ]
    assert [pair.same_question for pair in pairs] == [True, False, True, False]
    assert [pair.same_answer for pair in pairs] == [True, False, False, False]


def test_the_figure_of_a_target_is_what_the_tokens_say(answer: Answer) -> None:
    first, second = answer.tokens[:2]
    assert figure_of(answer, Target((0, 1))).value == pytest.approx(first.logprob + second.logprob)
    assert figure_of(answer, None).value == pytest.approx(sum(token.logprob for token in answer.tokens))
    rival = next(other for other in first.alternatives if other.id != first.id)
    contrast = figure_of(answer, Target((0,), (rival.id,)))
    assert contrast.measure == "log-odds" and contrast.value == pytest.approx(first.logprob - rival.logprob)
    known = {other.id for other in first.alternatives}
    unknown = next(number for number in range(len(known) + 2) if number not in known)
    assert figure_of(answer, Target((0,), (unknown,))).value is None


def test_changes_are_told_where_the_same_token_stands_in_both(answer: Answer) -> None:
    tokens = list(answer.tokens)
    tokens[1] = replace(tokens[1], text="other")
    tokens[2] = replace(tokens[2], logprob=tokens[2].logprob - 0.5)
    found = changes(answer, replace(answer, tokens=tuple(tokens[:3])))
    assert [change for *_, change in found] == [0.0, None, pytest.approx(-0.5), None]


def test_a_list_is_of_what_lies_in_the_folder_now(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "SETTLED", -1.0)
    with store.create() as run:
        run.add(Exchange(Question("Which?")))
    (before,) = store.list()
    assert store.list()[0] is before
    for folder in (run.folder, *run.folder.iterdir()):  # so that the next change has another time
        os.utime(folder, (1.0, 1.0))
    store.rename(run.id, "Mine")
    assert store.list()[0].title == "Mine"
    (run.folder / "run.json").write_text("{")
    assert store.list()[0].manifest is None


def test_what_was_read_just_after_a_change_is_read_again(store: RunStore) -> None:
    with store.create() as run:
        run.add(Exchange(Question("Which?")))
    assert store.list()[0] is not store.list()[0]


def test_packing_tells_how_far_it_is(run: Run, tmp_path: Path) -> None:
    told: list[float] = []
    export_bundle(run, tmp_path / "run.zip", progress=told.append)
    assert told == sorted(told) and len(told) > 2 and told[-1] == pytest.approx(1.0)


def test_turns_are_read_without_their_rows_until_they_are_wanted(store: RunStore, run: Run) -> None:
    with store.open(run.id, only_look=True) as opened:
        (summary,) = opened.conversation
        turn = opened.turn(summary.id, rows=False)
        assert turn.answer is not None and turn.answer.attention is not None
        assert turn.answer.attention.held is None
        opened.hold_rows(summary.id)
        assert turn.answer.attention.held is not None
