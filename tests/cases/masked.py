"""A small folder with masks, and cases to which what a random model says is right."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from core.answer import Decoding
from core.cases.case import Case
from core.cases.formats.registry import read_folder
from core.cases.score_case import LONGEST_ANSWER
from core.vlm.generation import ask
from core.vlm.model import VisionLanguageModel


def saved(path: Path, number: int = 2, masks: bool = True) -> Path:
    """Pictures of noise, of which the left half is what is asked about, and a grey one in which there is nothing."""
    path.mkdir()
    rows = [["image", "question", "expected", "mask"]]
    for index in range(number):
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (48, 48, 3), dtype=np.uint8)).save(
            path / f"{index}.png"
        )
        rows.append([f"{index}.png", f"What is number {index}?", "a dog", "0 0 24 48"])
    Image.new("RGB", (48, 48), "grey").save(path / "empty.png")
    rows.append(["empty.png", "Is there a dog?", "no", "none"])
    with (path / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows(row if masks else row[:3] for row in rows)
    return path


def cases_of(path: Path, model: VisionLanguageModel) -> list[Case]:
    """The cases of a folder, to which what the model says is right: a random one says nothing else that is."""
    said = {
        case.id: ask(model, replace(case.asked(), decoding=Decoding(max_new_tokens=LONGEST_ANSWER))).text
        for case in read_folder(path)[1].cases
    }
    return [replace(case, expected=(said[case.id],), scoring="exact") for case in read_folder(path)[1].cases]
