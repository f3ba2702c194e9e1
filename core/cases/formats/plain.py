"""A folder of one's own: pictures, and one CSV with a question and its right answer for each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import FolderError, UnreadableImage
from ..case import Case, Scoring
from ..folder import PICTURES, Folder
from ..mask import NOWHERE, Mask, shapes_in
from ..rates import Rate, accuracy
from ..results import Result
from ..tables import Row, listed, read_csv, without_repeats
from .base import CaseFormat, CaseSet, image_files

WANTED = ("image", "question", "expected")
MASK = "mask"


class PlainFolder(CaseFormat):
    """Questions with the answers they should get. Where the expected answer is yes or no the answer must say so;
    any other must be among the answer's words, and not be denied there."""

    key = "plain"
    name = "A folder of your own"
    paper = ""
    published = ""
    expects = (
        "One CSV file with the columns image (a file in the folder; several with | between them; empty for none), "
        "question and expected (several right answers with | between them). A column mask may say where in the (first) "
        "picture the answer is to be seen: a picture of the same size that is white there, boxes (left top right "
        "bottom; in pixels, several with ; between them), polygons as JSON, or none where the picture has no evidence. "
        "Further columns are kept beside the case."
    )

    def cases(self, folder: Folder) -> CaseSet:
        table = read_csv(_file(folder), WANTED)
        table = without_repeats(table, lambda row: (row["image"], row["question"]), "image and question")
        empty = [str(row.line) for row in table.rows if not row["question"] or not _parts(row["expected"])]
        problems = table.problems
        if empty:
            problems += (f"Lines {listed(empty)} have no question or no expected answer, and are left out.",)
        read = [(row.line, _case(row, folder), _mask(row, folder)) for row in table.rows if str(row.line) not in empty]
        cases = tuple(replace(case, mask=mask) for _, case, (mask, _) in read)
        if unread := [(line, why) for line, _, (_, why) in read if why]:
            lines = listed([str(line) for line, _ in unread])
            problems += (f"The masks of lines {lines} cannot be used, and are left out ({unread[0][1]}).",)
        if not cases:
            raise FolderError(f"No row has a question and an expected answer. {' '.join(problems)}")
        return CaseSet(cases, problems)

    def rates(self, results: Sequence[Result]) -> tuple[Rate, ...]:
        return (accuracy(results),)


def _file(folder: Folder) -> Path:
    """The folder's one table: cases.csv where there are several."""
    files = list(folder.tables(".csv", ".tsv"))
    named = [file for file in files if file.stem.lower() == "cases"] or files
    if not files:
        raise FolderError(f"There is no CSV file in {folder.path}; there is {folder.names()}.")
    if len(named) > 1:
        raise FolderError(f"There are several tables: {listed([file.name for file in files])}. Name one cases.csv.")
    return named[0]


def _case(row: Row, folder: Folder) -> Case:
    expected = _parts(row["expected"])
    polar = all(answer.lower() in ("yes", "no") for answer in expected)
    scoring: Scoring = "yes_no" if polar else "contains"
    images, problem = image_files(folder, _parts(row["image"]), ("", *folder.subfolders))
    return Case(
        id=_id(row),
        question=row["question"],
        expected=tuple(answer.lower() for answer in expected) if polar else expected,
        scoring=scoring,
        images=images,
        about={"line": str(row.line)}
        | {name: value for name, value in row.values.items() if name not in (*WANTED, MASK)},
        problem=problem,
    )


def _mask(row: Row, folder: Folder) -> tuple[Mask | None, str]:
    """The mask of a row, None where it has none; and why it cannot be used."""
    cell = row.values.get(MASK, "").strip()
    if not cell:
        return None, ""
    if cell.lower() in NOWHERE:
        return Mask(), ""
    try:
        if Path(cell.replace("\\", "/")).suffix.lower() in PICTURES:
            return Mask(folder.image(cell, ("", *folder.subfolders))), ""
        return Mask(shapes=shapes_in(cell)), ""
    except (UnreadableImage, ValueError) as error:
        return None, str(error)[:200]


def _id(row: Row) -> str:
    """A name that stays with the question when other rows come and go, so that notes and results do too."""
    return hashlib.sha256(f"{row['image']}\n{row['question']}".encode("utf-8", "replace")).hexdigest()[:8]


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())
