"""A run asks every case once, whatever interrupts it, and mixes nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.answer import Decoding
from core.cases.case import Case
from core.cases.results import Result, read_run
from core.cases.runner import RunSettings, run_cases
from core.errors import JournalError, OtherRun
from core.geometry import share_seen
from core.vlm.cancel import CancelToken
from core.vlm.generation import ask
from core.vlm.hf.network import TransformersModel
from core.vlm.model import ModelCard
from core.vlm.scoring import score
from core.workers.base import Workers
from tests.cases.folders import picture

SHORT = RunSettings(max_new_tokens=3)


def cases(folder: Path, number: int = 4) -> list[Case]:
    file = picture(folder / "a.png")
    return [Case(str(n), f"What is {n}?", ("dog",), "contains", (file,), about={"split": "a"}) for n in range(number)]


def test_a_result_is_what_the_model_says_and_how_sure_it_is(model: TransformersModel, tmp_path: Path) -> None:
    [case] = cases(tmp_path, 1)
    [result] = run_cases(model, [case], tmp_path / "run.jsonl", name="own", settings=SHORT).results
    question = replace(case.asked(), decoding=Decoding(max_new_tokens=3))
    answer = ask(model, question)
    black = replace(question, images=(Image.new("RGB", (8, 8)),))
    assert (result.said, result.right, result.images) == (answer.text, False, ("a.png",))
    assert result.logprob == pytest.approx(sum(token.logprob for token in answer.tokens))
    unseen = float(np.sum(score(model, black, answer.token_ids).logprobs))
    assert result.dependence == pytest.approx(result.logprob - unseen, abs=1e-4)
    assert result.seen == share_seen(answer.layout)
    assert read_run(tmp_path / "run.jsonl").results == (result,)


def test_what_cannot_be_asked_is_kept_and_said(llava: TransformersModel, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    odd = [
        Case("broken", "What?", ("dog",), "contains", (broken,)),
        Case("missing", "What?", ("dog",), "contains", problem="“x.png” is missing. Put it into the folder."),
        Case("empty", "  ", ("dog",), "contains"),
        Case("long", "What? " * 2000, ("dog",), "contains"),
        Case("open", "What?", (), "contains"),
    ]
    results = run_cases(llava, odd, tmp_path / "run.jsonl", name="own", settings=SHORT).results
    assert [result.right for result in results] == [None] * 5
    assert [result.answered for result in results] == [False] * 4 + [True]
    assert [str(result.problem).split()[0] for result in results[:4]] == ["“broken.png”", "“x.png”", "The", "The"]
    assert results[4].dependence is None


def test_a_stopped_run_goes_on_without_asking_twice(llava: TransformersModel, tmp_path: Path) -> None:
    cancel = CancelToken()
    seen: list[float] = []

    def stop_halfway(done: float) -> None:
        seen.append(done)
        if done >= 0.5:
            cancel.cancel()

    file, asked = tmp_path / "run.jsonl", cases(tmp_path)
    part = run_cases(llava, asked, file, name="own", settings=SHORT, cancel=cancel, progress=stop_halfway)
    assert [result.id for result in part.results] == ["0", "1"]
    whole = run_cases(llava, asked, file, name="own", settings=SHORT, progress=seen.append)
    assert [result.id for result in whole.results] == ["0", "1", "2", "3"]
    assert whole.results[:2] == part.results
    assert len(file.read_text().splitlines()) == 5
    assert seen == [0, 0.25, 0.5, 0.5, 0.75, 1]


def test_a_changed_case_is_asked_anew_and_the_others_are_not(llava: TransformersModel, tmp_path: Path) -> None:
    file, asked = tmp_path / "run.jsonl", cases(tmp_path)
    run_cases(llava, asked, file, name="own", settings=SHORT)
    asked[2] = replace(asked[2], expected=("cat",))
    run = run_cases(llava, asked, file, name="own", settings=SHORT)
    assert [result.expected for result in run.results] == [("dog",), ("dog",), ("cat",), ("dog",)]
    assert len(file.read_text().splitlines()) == 6
    picture(tmp_path / "a.png", "blue").write_bytes((tmp_path / "a.png").read_bytes() + b"more")
    run_cases(llava, asked, file, name="own", settings=SHORT)
    assert len(file.read_text().splitlines()) == 10


def test_two_models_sets_or_settings_are_never_mixed(
    llava: TransformersModel, qwen: TransformersModel, tmp_path: Path
) -> None:
    file, asked = tmp_path / "run.jsonl", cases(tmp_path, 1)
    run_cases(llava, asked, file, name="own", settings=SHORT)
    before = file.read_bytes()
    with pytest.raises(OtherRun, match=r"begun otherwise \(model "):
        run_cases(qwen, asked, file, name="own", settings=SHORT)
    with pytest.raises(OtherRun, match="set own there, pope here"):
        run_cases(llava, asked, file, name="pope", settings=SHORT)
    with pytest.raises(OtherRun, match="settings"):
        run_cases(llava, asked, file, name="own")
    assert file.read_bytes() == before


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text('{"sightline": "cases"}\n{"id": "1"}\n')
    with pytest.raises(JournalError, match="lacks a field"):
        read_run(tmp_path / "run.jsonl")


def test_ids_are_unique(llava: TransformersModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two cases are called '0'"):
        run_cases(llava, cases(tmp_path, 1) * 2, tmp_path / "run.jsonl", name="own")


CARD = ModelCard("m", "m", "f", 1, "float32", "cpu", 1, 1, 1, 1, 1, "", "print")
FORTY = [Case(str(number), "What?", ("dog",), "contains") for number in range(40)]


class Slow(Workers):
    """Who takes a little while for every case."""

    card = CARD

    def each(self, begin: Any, items: Any, cancel: CancelToken | None = None) -> Iterator[Any]:
        for one in items:
            time.sleep(0.01)
            result = Result(
                one.case.id, one.number, one.case.fingerprint(), "What?", ("dog",), said="a dog", right=True
            )
            yield replace(result, understood="a dog")


def slow_run(file: Path) -> None:
    """A run whose every case takes a little while."""
    run_cases(Slow(), FORTY, file, name="own")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system kills and forks in other ways")
def test_killed_in_the_middle_nothing_is_lost_and_nothing_repeated(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    kept: list[str] = []
    for finished in (5, 20):
        process = os.fork()
        if not process:
            slow_run(file)
            os._exit(0)
        while not file.exists() or file.read_bytes().count(b"\n") <= finished:
            time.sleep(0.002)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        lines = file.read_text().splitlines(keepends=True)
        assert lines[: len(kept)] == kept
        kept = [line for line in lines if line.endswith("\n")]
    assert len(kept) < 41
    slow_run(file)
    ids = [json.loads(line)["id"] for line in file.read_text().splitlines()[1:]]
    assert ids == [case.id for case in FORTY]
