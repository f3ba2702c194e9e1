"""HallusionBench is read as published, and scored as its leaderboard is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from core.cases.formats.hallusion import HallusionBench
from core.errors import FolderError
from tests.cases.folders import answered, hallusion_row, save_hallusion

ROWS = [hallusion_row(figure, question, (figure + question) % 2) for figure in (0, 1) for question in (0, 1)]
SUPPLEMENT = [hallusion_row(0, 0, 1, "VS", visual=0), hallusion_row(1, 0, 0, "VS"), hallusion_row(2, 0, 0, "VS")]


def test_pictures_are_found_and_questions_without_one_have_none(tmp_path: Path) -> None:
    set_of_cases = HallusionBench().read(save_hallusion(tmp_path, [*ROWS, *SUPPLEMENT]))
    assert set_of_cases.problems == ()
    assert [case.expected for case in set_of_cases.cases[:5]] == [("no",), ("yes",), ("yes",), ("no",), ("yes", "")]
    assert set_of_cases.cases[0].images == (tmp_path / "hallusion_bench/VD/illusion/0_0.png",)
    assert set_of_cases.cases[4].images == ()


def test_the_folder_of_pictures_itself_will_do(tmp_path: Path) -> None:
    folder = save_hallusion(tmp_path, ROWS)
    (folder / "HallusionBench.json").rename(folder / "hallusion_bench" / "HallusionBench.json")
    assert all(case.problem is None for case in HallusionBench().read(folder / "hallusion_bench").cases)


def published(rows: list[dict[str, str | None]], right: list[bool]) -> dict[str, float]:
    """get_eval_pair_all, get_eval_fig, get_eval_pair_easy, get_eval_pair_hard and get_eval_all of utils.py."""
    pairs: dict[tuple[str | None, ...], list[bool]] = {}
    figures: dict[tuple[str | None, ...], list[bool]] = {}
    for row, hit in zip(rows, right, strict=True):
        pairs.setdefault((row["category"], row["set_id"], row["question_id"]), []).append(hit)
        if not (row["category"] == "VS" and row["figure_id"] == "0"):
            figures.setdefault((row["category"], row["set_id"], row["figure_id"]), []).append(hit)
    easy = [hit for row, hit in zip(rows, right, strict=True) if row["figure_id"] == "0"]
    hard = [hit for row, hit in zip(rows, right, strict=True) if row["figure_id"] != "0"]
    return {
        "question pair accuracy": sum(map(all, pairs.values())) / len(pairs),
        "figure accuracy": sum(map(all, figures.values())) / len(figures),
        "easy questions": sum(easy) / len(easy),
        "hard questions": sum(hard) / len(hard),
        "": sum(right) / len(right),
    }


def test_the_figures_are_the_published_ones(tmp_path: Path) -> None:
    chance = random.Random(1)
    rows = [
        hallusion_row(figure, question, chance.randrange(2), category, set_id, int(category == "VD" or figure > 0))
        for category in ("VD", "VS")
        for set_id in range(6)
        for figure in range(3)
        for question in range(2)
    ]
    cases = HallusionBench().read(save_hallusion(tmp_path, rows)).cases
    wrong = {"yes": "No.", "no": "Yes."}
    said = [case.expected[0] if chance.random() < 0.8 else wrong[case.expected[0]] for case in cases]
    right = [text == case.expected[0] for case, text in zip(cases, said, strict=True)]
    rates = {rate.group or rate.name: rate.estimate.value for rate in HallusionBench().rates(answered(cases, said))}
    expected = published(rows, right)
    expected["accuracy"] = expected.pop("")
    assert rates == pytest.approx(expected)


def test_not_knowing_is_right_only_where_there_is_nothing_to_see(tmp_path: Path) -> None:
    cases = HallusionBench().read(save_hallusion(tmp_path, SUPPLEMENT)).cases
    assert [result.right for result in answered(cases, ["Hard to say."] * 3)] == [True, False, False]


def test_a_pair_or_figure_that_could_not_be_asked_whole_is_not_counted(tmp_path: Path) -> None:
    cases = HallusionBench().read(save_hallusion(tmp_path, ROWS)).cases
    pairs, figures, *_ = HallusionBench().rates(answered(cases, ["no", "yes", "yes", None]))
    assert (pairs.estimate.count, pairs.estimate.value) == (1, 1)
    assert (figures.estimate.count, figures.estimate.value) == (1, 1)


def test_a_list_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "HallusionBench.json").write_text('[{"question": "Is it?"}]')
    with pytest.raises(FolderError, match="has no column “category”"):
        HallusionBench().read(tmp_path)
