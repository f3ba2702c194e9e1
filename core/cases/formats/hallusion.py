"""HallusionBench: the same question about a picture, about its edited twin, and without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import FolderError
from ..case import Case
from ..folder import Folder
from ..rates import Rate, accuracy, all_right
from ..results import Result
from ..tables import Row, listed, read_json, without_repeats
from .base import CaseFormat, CaseSet, image_files

IDS = ("category", "subcategory", "set_id", "figure_id", "question_id")
WANTED = (*IDS, "question", "gt_answer", "visual_input")


class HallusionBench(CaseFormat):
    """Yes-no questions that need their picture (VD), and questions that could be answered without (VS), where the
    picture says otherwise. Rate 0 is the original picture, for VS no picture at all; the others are edited.

    The rates are those of the published `utils.py` and leaderboard: a question pair is one question over all
    figures of its set, and right if all its answers are; a figure is right if all questions about it are (VS without
    a picture is no figure). To a VS question without a picture, an answer that is neither yes nor no is right. The
    published verdict on a single answer comes from GPT-4; here it is read off the answer's words.
    """

    key = "hallusionbench"
    name = "HallusionBench"
    paper = (
        "Guan et al. 2024, HallusionBench: An Advanced Diagnostic Suite for Entangled Language Hallucination and "
        "Visual Illusion in Large Vision-Language Models"
    )
    published = "https://github.com/tianyi-lab/HallusionBench"
    expects = (
        "HallusionBench.json, and beside it the folder hallusion_bench with the pictures by category and "
        "subcategory, such as hallusion_bench/VD/illusion/0_0.png."
    )

    def cases(self, folder: Folder) -> CaseSet:
        table = without_repeats(read_json(folder.table("HallusionBench.json"), WANTED), _id, "ids")
        odd = [str(row.line) for row in table.rows if row["gt_answer"] not in _ANSWERS]
        problems = table.problems
        if odd:
            problems += (f"Entries {listed(odd)} are left out: their gt_answer is neither 0 nor 1.",)
        cases = tuple(_case(row, folder) for row in table.rows if row["gt_answer"] in _ANSWERS)
        if not cases:
            raise FolderError(f"No question has a gt_answer of 0 or 1. {' '.join(problems)}")
        return CaseSet(cases, problems)

    def rates(self, results: Sequence[Result]) -> tuple[Rate, ...]:
        with_images = [result for result in results if not _without_image(result.about)]
        return (
            all_right("question pair accuracy", results, _pair, "questions answered right with every figure of a set"),
            all_right("figure accuracy", with_images, _figure, "figures about which every question is answered right"),
            accuracy([result for result in results if result.about["figure_id"] == "0"], "easy questions"),
            accuracy([result for result in results if result.about["figure_id"] != "0"], "hard questions"),
            accuracy(results),
        )


_ANSWERS = {"1": "yes", "0": "no"}


def _case(row: Row, folder: Folder) -> Case:
    about = {name: row[name] for name in IDS}
    right = _ANSWERS[row["gt_answer"]]
    names = [] if row["visual_input"] == "0" else [_filename(row)]
    images, problem = image_files(folder, names, ("", "hallusion_bench"))
    return Case(
        id=_id(row),
        question=row["question"],
        expected=(right, "") if _without_image(about) else (right,),
        scoring="yes_no",
        images=images,
        about=about,
        problem=problem,
    )


def _id(row: Row) -> str:
    return "/".join(row[name] for name in IDS)


def _filename(row: Row) -> str:
    """Where the picture lies below `hallusion_bench`, as the published script builds it when the row does not say."""
    named = (
        row.values.get("filename") or f"{row['category']}/{row['subcategory']}/{row['set_id']}_{row['figure_id']}.png"
    )
    return named.removeprefix("./").removeprefix("hallusion_bench/")


def _without_image(about: Mapping[str, str]) -> bool:
    return about["category"] == "VS" and about["figure_id"] == "0"


def _pair(result: Result) -> tuple[str, ...]:
    return tuple(result.about[name] for name in ("category", "subcategory", "set_id", "question_id"))


def _figure(result: Result) -> tuple[str, ...]:
    return tuple(result.about[name] for name in ("category", "subcategory", "set_id", "figure_id"))
