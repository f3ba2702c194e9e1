"""MMVP: pictures that CLIP takes for the same, and one question about both."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..case import Case
from ..folder import Folder
from ..rates import Rate, accuracy, all_right
from ..results import Result
from ..scoring import LETTERS, option_letter
from ..tables import Row, listed, read_csv, without_repeats
from .base import CaseFormat, CaseSet, image_files

DIGITS = 9
"""The longest Index: Python refuses to read numbers of thousands of digits."""
_OPTION = re.compile(r"\(\s*([a-z])\s*\)", re.IGNORECASE)


class MMVP(CaseFormat):
    """Questions 2k - 1 and 2k are about the two pictures of a pair, and the pair counts if both are answered right.

    The question is asked as the published script does, with its options after it.
    """

    key = "mmvp"
    name = "MMVP"
    paper = "Tong et al. 2024, Eyes Wide Shut? Exploring the Visual Shortcomings of Multimodal LLMs"
    published = "https://huggingface.co/datasets/MMVP/MMVP"
    expects = (
        "Questions.csv with the columns Index, Question, Options, Correct Answer, and beside it a folder “MMVP "
        "Images” with 1.jpg, 2.jpg, ..., named by Index."
    )

    def cases(self, folder: Folder) -> CaseSet:
        file = folder.table("Questions.csv")
        table = read_csv(file, ("index", "question", "options", "correct answer"))
        table = without_repeats(table, lambda row: row["index"].lstrip("0"), "Index")
        shown = {number: name for place in _places(folder) for number, name in folder.images_by_stem(place).items()}
        read = [(row, _case(row, folder, shown)) for row in table.rows]
        unread = [str(row.line) for row, case in read if case is None]
        problems = table.problems
        if unread:
            problems += (
                f"Lines {listed(unread)} are left out: Index is a number, Options are like “(a) Open (b) Closed”, and "
                "Correct Answer is one of them.",
            )
        return CaseSet(tuple(case for _, case in read if case is not None), problems)

    def rates(self, results: Sequence[Result]) -> tuple[Rate, ...]:
        meaning = "pairs of pictures whose questions are both answered right"
        return (
            all_right("pair accuracy", results, lambda result: result.about.get("pair"), meaning, size=2),
            accuracy(results),
        )


def _places(folder: Folder) -> list[str]:
    """Where pictures may lie, the likeliest last: the published script itself misspells the folder's name."""
    named = [name for name in folder.subfolders if re.search(r"im(age|gae|g)", name, re.IGNORECASE)]
    return ["", *named]


def _case(row: Row, folder: Folder, shown: dict[str, str]) -> Case | None:
    """The case of a row; None where its number, options or right answer cannot be read."""
    options = _options(row["options"])
    letter = option_letter(row["correct answer"], options)
    if not (row["index"].isdecimal() and len(row["index"]) <= DIGITS) or not options or not letter:
        return None
    index = int(row["index"])
    images, problem = image_files(folder, [shown.get(str(index), f"{index}.jpg")])
    return Case(
        id=str(index),
        question=f"{row['question']} {row['options']}",
        expected=(letter,),
        scoring="choice",
        images=images,
        options=options,
        about={"pair": str((index + 1) // 2)},
        problem=problem,
    )


def _options(text: str) -> tuple[str, ...]:
    """The texts of "(a) Open (b) Closed"; nothing where the letters do not run from a."""
    parts = _OPTION.split(text)
    letters = "".join(parts[1::2]).lower()
    if len(letters) < 2 or not LETTERS.startswith(letters):
        return ()
    return tuple(part.strip(" ;,.\n") for part in parts[2::2])
