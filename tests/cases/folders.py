"""Small folders in the published formats."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from core.cases.case import Case
from core.cases.results import Result
from core.cases.scoring import is_right, understood


def picture(file: Path, color: str = "red") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), color).save(file)
    return file


def save_mmvp(folder: Path, rows: Sequence[str] | None = None, pictures: int = 4) -> Path:
    """Two pairs, as published: Questions.csv and MMVP Images/1.jpg ..."""
    rows = rows or [
        "1,Are the wings open or closed?,(a) Open (b) Closed,(a)",
        "2,Are the wings open or closed?,(a) Open (b) Closed,(b)",
        "3,Is there a door?,(a) Yes (b) No,(a)",
        "4,Is there a door?,(a) Yes (b) No,(b)",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Questions.csv").write_text("\n".join(["Index,Question,Options,Correct Answer", *rows]) + "\n")
    for number in range(1, pictures + 1):
        picture(folder / "MMVP Images" / f"{number}.jpg")
    return folder


def save_pope(folder: Path, split: str = "random", rows: Iterable[Mapping[str, object]] | None = None) -> Path:
    rows = rows or [
        {"question_id": 1, "image": "1.jpg", "image_id": 5, "text": "Is there a dog in the image?", "label": "yes"},
        {"question_id": 2, "image": "1.jpg", "image_id": 5, "text": "Is there a cat in the image?", "label": "no"},
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"coco_pope_{split}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    picture(folder / "val2014" / "1.jpg")
    return folder


def hallusion_row(
    figure: int, question: int, right: int, category: str = "VD", set_id: int = 0, visual: int = 1
) -> dict[str, str | None]:
    name = f"./hallusion_bench/{category}/illusion/{set_id}_{figure}.png"
    ids = {"set_id": str(set_id), "figure_id": str(figure), "question_id": str(question)}
    return {
        "category": category,
        "subcategory": "illusion",
        **ids,
        "visual_input": str(visual),
        "question": f"Is question {question} so?",
        "gt_answer_details": "It is.",
        "gt_answer": str(right),
        "filename": name if visual else None,
    }


def save_hallusion(folder: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "HallusionBench.json").write_text(json.dumps(list(rows)))
    for row in rows:
        if row["filename"]:
            picture(folder / str(row["filename"]))
    return folder


def answered(cases: Sequence[Case], said: Sequence[str | None]) -> list[Result]:
    """Results as a run would write them; None is a case that could not be asked."""
    gathered = []
    for number, (case, text) in enumerate(zip(cases, said, strict=True)):
        result = Result(case.id, number, case.fingerprint(), case.question, case.expected, about=case.about)
        if text is None:
            result = replace(result, problem="missing")
        else:
            result = replace(result, said=text, understood=understood(case, text), right=is_right(case, text))
        gathered.append(result)
    return gathered
