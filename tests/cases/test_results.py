"""Results are read back as they were written, and failures come in the order in which they are worth looking at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.cases.results import Result, Run, crop_sentence, cropped, failures, read_run, run_of, unread
from core.errors import JournalError


def result(id_: str, right: bool | None, dependence: float | None, number: int = 0) -> Result:
    about = {"pair": "1"}
    return Result(
        id_, number, "key", "What?", ("dog", ""), ("a.png",), about, "a cat", "a cat", right, -1.5, dependence
    )


def test_a_result_survives_its_line() -> None:
    one = result("1", False, 0.5)
    assert Result.of(one.record()) == one
    assert Result.of({**one.record(), "from a later version": 1}) == one


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", None),
        ("number", "1"),
        ("expected", "dog"),
        ("images", None),
        ("about", {"pair": 1}),
        ("said", None),
        ("right", "yes"),
        ("dependence", "much"),
        ("seen", "all"),
        ("problem", 3),
    ],
)
def test_a_line_that_somebody_edited_is_refused_by_field(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} is of another type"):
        Result.of({**result("1", False, 0.5).record(), name: value})


def test_a_header_without_its_parts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text('{"sightline": "cases", "set": "own", "about": null}\n', encoding="utf-8")
    with pytest.raises(JournalError, match=r"first line of run\.jsonl is damaged"):
        read_run(file)


def test_the_latest_result_of_a_case_counts_in_the_order_of_the_set() -> None:
    records = [result("b", False, 1, 1).record(), result("a", False, 1, 0).record(), result("b", True, 2, 1).record()]
    run = run_of(
        {"set": "own", "model": "m", "settings": {}, "about": {"model_name": "small"}}, records, Path("run.jsonl")
    )
    assert [(one.id, one.right) for one in run.results] == [("a", False), ("b", True)]
    assert run.model_name == "small"


def test_an_answer_that_was_not_understood_is_counted_where_it_is_judged() -> None:
    mute = replace(result("a", False, 0), understood="")
    unasked = replace(result("b", None, 0), understood="", problem="missing")
    assert unread(Run("own", "m", {}, {}, (mute, unasked, result("c", True, 0)))) == 1


def test_failures_that_depend_least_on_the_picture_come_first() -> None:
    kinds = {"a": (False, 3), "b": (False, None), "c": (True, 0), "d": (False, -1), "e": (None, 0)}
    results = tuple(result(id_, right, dependence) for id_, (right, dependence) in kinds.items())
    assert [one.id for one in failures(Run("own", "m", {}, {}, results))] == ["d", "a", "b"]


def test_cases_of_which_a_part_is_never_seen_are_counted() -> None:
    shares = {"a": 0.5, "b": 1.0, "c": None, "d": 0.75, "e": 0.999}
    results = tuple(replace(result(id_, True, 0), seen=seen) for id_, seen in shares.items())
    run = Run("own", "m", {}, {}, results)
    assert [one.id for one in cropped(run)] == ["a", "d"]
    told = "In 2 of 5 cases the model does not see a picture whole: 38% of it on average is never seen."
    assert crop_sentence(run) == told
    assert crop_sentence(replace(run, results=results[1:3])) is None
