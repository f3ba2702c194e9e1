"""POPE's files are read as published, and its figures are those of its own script."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.cases.formats.pope import POPE
from core.errors import FolderError
from tests.cases.folders import answered, save_pope


def test_every_split_is_read_with_its_pictures(tmp_path: Path) -> None:
    for split in ("random", "popular"):
        save_pope(tmp_path, split)
    set_of_cases = POPE().read(tmp_path)
    assert set_of_cases.problems == ()
    assert [case.id for case in set_of_cases.cases] == ["popular/1", "popular/2", "random/1", "random/2"]
    assert [case.expected for case in set_of_cases.cases] == [("yes",), ("no",)] * 2
    assert all(case.images == (tmp_path / "val2014" / "1.jpg",) for case in set_of_cases.cases)


def published(said: list[str], labels: list[str]) -> dict[str, float]:
    """POPE's evaluate.py, written out."""
    pairs = [("no" if {"No", "no", "not"} & set(text.split(".")[0].replace(",", "").split(" ")) else "yes", label)
             for text, label in zip(said, labels, strict=True)]  # fmt: skip
    tp, fp = pairs.count(("yes", "yes")), pairs.count(("yes", "no"))
    tn, fn = pairs.count(("no", "no")), pairs.count(("no", "yes"))
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return {
        "accuracy": (tp + tn) / len(pairs),
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / (precision + recall),
        "yes ratio": (tp + fp) / len(pairs),
    }


def test_the_figures_are_those_of_the_published_script(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [
        {"question_id": n, "image": "1.jpg", "text": f"Is there a thing {n}?", "label": chance.choice(["yes", "no"])}
        for n in range(60)
    ]
    cases = POPE().read(save_pope(tmp_path, rows=rows)).cases
    said = [chance.choice(["Yes.", "yes, there is", "No, there is not.", "no", "A dog"]) for _ in cases]
    rates = {rate.name: rate for rate in POPE().rates(answered(cases, said))}
    for name, value in published(said, [case.expected[0] for case in cases]).items():
        assert rates[name].estimate.value == pytest.approx(value)
        assert rates[name].estimate.low < value < rates[name].estimate.high
        assert rates[name].group == "random"


def test_what_was_not_asked_or_not_answered_is_no_yes(tmp_path: Path) -> None:
    cases = POPE().read(save_pope(tmp_path)).cases
    rates = {rate.name: rate for rate in POPE().rates(answered(cases, ["", None]))}
    assert (rates["accuracy"].estimate.value, rates["yes ratio"].estimate.value, rates["recall"].estimate.value) == (
        0,
        0,
        0,
    )
    assert rates["accuracy"].estimate.count == 1


def test_f1_of_few_is_never_certain(tmp_path: Path) -> None:
    rows = [{"question_id": n, "image": "1.jpg", "text": f"Is there a {n}?", "label": "yes"} for n in range(10)]
    cases = POPE().read(save_pope(tmp_path, rows=rows)).cases
    f1 = next(rate for rate in POPE().rates(answered(cases, ["Yes."] * 10)) if rate.name == "F1")
    assert (f1.estimate.value, f1.estimate.high, f1.estimate.count) == (1, 1, 10)
    assert f1.estimate.low == pytest.approx(2 * 0.7225 / 1.7225, abs=0.001)  # of Wilson's 0.7225 for 10 of 10


def test_damaged_lines_and_repeated_questions_are_named(tmp_path: Path) -> None:
    row = {"question_id": 1, "image": "1.jpg", "text": "Is there a dog?", "label": "yes"}
    folder = save_pope(tmp_path, rows=[row, row, {**row, "text": "Is it?", "label": "maybe"}])
    with (folder / "coco_pope_random.json").open("a") as file:
        file.write('{"question_id": \n')
    set_of_cases = POPE().read(folder)
    assert len(set_of_cases.cases) == 1
    assert set_of_cases.problems == (
        "random: lines 3 are left out: their label is neither yes nor no.",
        "random: “coco_pope_random.json”: entries 4 are damaged or lack a field, and are left out.",
        "random: Rows that repeat another are counted once: lines 1 and 2.",
    )


def test_a_folder_of_other_json_is_refused_with_its_fields(tmp_path: Path) -> None:
    (tmp_path / "captions.json").write_text('{"caption": "A dog.", "image": "1.jpg"}')
    with pytest.raises(FolderError, match=r"has no column “text” and no column “label”\. Its columns are “caption”, "):
        POPE().read(tmp_path)


def test_a_damaged_split_is_told_of(tmp_path: Path) -> None:
    save_pope(tmp_path)
    (tmp_path / "coco_pope_popular.json").write_text("{broken")
    set_of_cases = POPE().read(tmp_path)
    assert len(set_of_cases.cases) == 2
    assert set_of_cases.problems[0].startswith("Not used: “coco_pope_popular.json” has no column “image”")


def test_questions_of_one_number_are_told_apart(tmp_path: Path) -> None:
    rows = [{"question_id": 1, "image": "1.jpg", "text": text, "label": "yes"} for text in ("Is it?", "Is he?", "So?")]
    assert [case.id for case in POPE().read(save_pope(tmp_path, rows=rows)).cases] == [
        *("random/1", "random/1 (2)", "random/1 (3)")
    ]
