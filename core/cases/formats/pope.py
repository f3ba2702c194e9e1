"""POPE: is there such a thing in the picture? Half the things asked for are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import FolderError
from ..case import Case
from ..folder import Folder
from ..rates import Rate, accuracy, share
from ..results import Result
from ..tables import Row, Table, listed, read_json, without_repeats
from .base import CaseFormat, CaseSet, image_files

WANTED = ("image", "text", "label")
SPLITS = ("random", "popular", "adversarial")


class POPE(CaseFormat):
    """Yes-no questions about things that are in the picture, and about things that are not: drawn at random, the most
    frequent ones ("popular"), or those that go with what is there ("adversarial").

    Answers are read as the published evaluation reads them: "no" where the first sentence has "no" or "not", else
    "yes".
    """

    key = "pope"
    name = "POPE"
    paper = "Li et al. 2023, Evaluating Object Hallucination in Large Vision-Language Models"
    published = "https://github.com/AoiDragon/POPE (questions), https://cocodataset.org (pictures, val2014)"
    expects = (
        "One or more files of JSON lines, such as coco_pope_random.json, with question_id, image, text and label (yes "
        "or no) in each; the pictures beside them or in a folder below, such as val2014."
    )

    def cases(self, folder: Folder) -> CaseSet:
        tables, problems = _tables(folder)
        cases: list[Case] = []
        for split, table in tables:
            once = without_repeats(table, lambda row: (row["image"], row["text"]), "image and text")
            odd = [str(row.line) for row in once.rows if row["label"].lower() not in ("yes", "no")]
            if odd:
                problems += (f"{split}: lines {listed(odd)} are left out: their label is neither yes nor no.",)
            problems += tuple(f"{split}: {problem}" for problem in once.problems)
            cases += [_case(row, split, folder) for row in once.rows if row["label"].lower() in ("yes", "no")]
        if not cases:
            raise FolderError(f"No question has a label yes or no. {' '.join(problems)}")
        return CaseSet(tuple(cases), problems)

    def rates(self, results: Sequence[Result]) -> tuple[Rate, ...]:
        splits = dict.fromkeys(result.about.get("split", "") for result in results)
        return tuple(
            made
            for split in splits
            for made in _rates([result for result in results if result.about.get("split", "") == split], split)
        )


def _tables(folder: Folder) -> tuple[list[tuple[str, Table]], tuple[str, ...]]:
    """The question files, each with the name of its split; and what was wrong with files that are none. Raises
    FolderError where there is no question file."""
    refused: list[str] = []
    tables: list[tuple[str, Table]] = []
    for file in folder.tables(".json", ".jsonl"):
        try:
            table = read_json(file, WANTED)
        except FolderError as error:
            refused.append(str(error))
            continue
        named = [split for split in SPLITS if split in file.stem.lower()]
        split = named[0] if named and named[0] not in dict(tables) else file.stem
        tables.append((split, table))
    if not tables:
        raise FolderError(" ".join(refused) or f"There is no JSON file in {folder.path}; there is {folder.names()}.")
    return tables, tuple(f"Not used: {why}" for why in refused)


def _case(row: Row, split: str, folder: Folder) -> Case:
    images, problem = image_files(folder, [row["image"]], ("", *folder.subfolders))
    number = row.values.get("question_id") or str(row.line)
    return Case(
        id=f"{split}/{number}",
        question=row["text"],
        expected=(row["label"].lower(),),
        scoring="yes_unless_no",
        images=images,
        about={"split": split},
        problem=problem,
    )


def _rates(results: Sequence[Result], split: str) -> tuple[Rate, ...]:
    """The published rates. An empty answer is wrong, and no "yes"."""
    said = [(result.understood, result.expected[0]) for result in results if result.right is not None]
    precise = [right == "yes" for word, right in said if word == "yes"]
    recalled = [word == "yes" for word, right in said if right == "yes"]
    among = [True] * sum(precise) + [False] * (len(precise) + len(recalled) - 2 * sum(precise))
    return (
        accuracy(results, split),
        share("precision", precise, "of the things said to be there, those that are", split),
        share("recall", recalled, "of the things that are there, those said to be", split),
        _f1(share("F1", among, "harmonic mean of precision and recall", split)),
        share("yes ratio", [word == "yes" for word, _ in said], "answers that say yes; half would be right", split),
    )


def _f1(rate: Rate) -> Rate:
    """F1 = 2 hits / (2 hits + spurious + missed) from the share s of hits among all three: it is 2 s / (1 + s), which
    only grows with s, so its interval is that of s. Without a hit it is 0 rather than unknown."""
    share = rate.estimate
    value, low, high = (2 * one / (1 + one) for one in (share.value, share.low, share.high))
    return replace(rate, estimate=replace(share, value=value, low=low, high=high))
