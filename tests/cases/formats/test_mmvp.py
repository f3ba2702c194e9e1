"""MMVP folders are read as published, and a pair counts if both are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cases.formats.mmvp import MMVP
from core.errors import FolderError
from tests.cases.folders import answered, picture, save_mmvp


def test_a_published_folder_is_read(tmp_path: Path) -> None:
    cases, problems = (set_of_cases := MMVP().read(save_mmvp(tmp_path))).cases, set_of_cases.problems
    assert problems == ()
    assert [case.id for case in cases] == ["1", "2", "3", "4"]
    assert cases[1].question == "Are the wings open or closed? (a) Open (b) Closed"
    assert cases[1].expected == ("b",)
    assert cases[1].options == ("Open", "Closed")
    assert [case.about["pair"] for case in cases] == ["1", "1", "2", "2"]
    assert [path.name for path in cases[3].images if isinstance(path, Path)] == ["4.jpg"]


def test_a_pair_counts_only_if_both_are_right(tmp_path: Path) -> None:
    cases = MMVP().read(save_mmvp(tmp_path)).cases
    pairs, single = MMVP().rates(answered(cases, ["(a)", "B. Closed", "Yes.", "Yes, there is one."]))
    assert (pairs.name, pairs.estimate.value, pairs.estimate.count) == ("pair accuracy", 0.5, 2)
    assert (single.estimate.value, single.estimate.count) == (0.75, 4)


def test_a_pair_with_a_missing_picture_is_counted_apart(tmp_path: Path) -> None:
    set_of_cases = MMVP().read(save_mmvp(tmp_path, pictures=3))
    assert set_of_cases.cases[3].problem == "“4.jpg” is missing. Put it into the folder."
    assert set_of_cases.problems == (
        "1 of 4 cases cannot be asked and are counted apart: “4.jpg” is missing. Put it into the folder.",
    )
    pairs, single = MMVP().rates(answered(set_of_cases.cases, ["a", "b", "a", None]))
    assert (pairs.estimate.value, pairs.estimate.count, single.estimate.value, single.estimate.count) == (1, 1, 1, 3)


@pytest.mark.parametrize("place", ["MMVP Imgaes", "mmvp_images", "images", ""])
def test_pictures_are_found_under_the_names_that_are_in_use(tmp_path: Path, place: str) -> None:
    save_mmvp(tmp_path, pictures=0)
    for number in range(1, 5):
        picture(tmp_path / place / f"{number}.PNG")
    assert all(case.problem is None for case in MMVP().read(tmp_path).cases)


@pytest.mark.parametrize("right", ["(a)", "a", "A", "(A) Open", "Open", "a."])
def test_the_right_answer_is_read_in_any_spelling(tmp_path: Path, right: str) -> None:
    folder = save_mmvp(tmp_path, [f"1,Are they?,(a) Open; (b) Closed,{right}"])
    assert MMVP().read(folder).cases[0].expected == ("a",)


def test_rows_that_cannot_be_read_are_named_and_left_out(tmp_path: Path) -> None:
    rows = [
        "1,Q?,(a) Open (b) Closed,(a)",
        "2,Q?,open or closed,(a)",
        "3,Q?,(a) Open (b) Closed,(c)",
        "x,Q?,(a) A (b) B,a",
        f"{'9' * 5000},Q?,(a) A (b) B,a",
    ]
    set_of_cases = MMVP().read(save_mmvp(tmp_path, rows))
    assert [case.id for case in set_of_cases.cases] == ["1"]
    assert set_of_cases.problems[0].startswith("Lines 3, 4, 5 and 1 more are left out")


def test_a_row_that_stands_twice_is_named_and_counted_once(tmp_path: Path) -> None:
    row = "1,Q?,(a) Open (b) Closed,(a)"
    set_of_cases = MMVP().read(save_mmvp(tmp_path, [row, row, "1,Q?,(a) Open (b) Closed,(b)"]))
    assert [case.expected for case in set_of_cases.cases] == [("a",)]
    assert len(MMVP().read(save_mmvp(tmp_path, [row, f"0{row}"])).cases) == 1
    assert set_of_cases.problems == (
        "Rows that repeat another are counted once: lines 2 and 3.",
        "Lines 2 and 4 have the same Index and differ: the first of them is used.",
    )


def test_another_folder_is_refused_with_what_is_there(tmp_path: Path) -> None:
    picture(tmp_path / "holiday.jpg")
    with pytest.raises(FolderError, match=r"There is no Questions\.csv in .*; there is “holiday\.jpg”"):
        MMVP().read(tmp_path)
    assert MMVP().check(tmp_path)[0].startswith("There is no Questions.csv")
