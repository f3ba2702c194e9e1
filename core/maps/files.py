"""Maps as files: every position with what it is, where it lies and what each map gives it, and how that came about.

The record (methods, settings, target, question, model) travels inside the file, so that a file found a year later
still says what it shows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from ..answer import Answer, Explanation, subject
from ..geometry import moments, picture_records
from ..spreadsheet import csv_table
from .grid import grid_note

PLACE = ("image", "view", "row", "column", "left", "top", "right", "bottom")
COUNTING = "rows and columns of a grid from 1; positions, pictures, layers and heads from 0"
SHOWN = ("from_second", "to_second")
"""When the first and the last frame are shown that a token of a video stands for."""


def record(answer: Answer, explanation: Explanation) -> dict[str, object]:
    """How a map came about, in plain values. A rival is named by its id, and by its text where the model weighed it."""
    return {
        "method": explanation.method,
        "settings": dict(explanation.settings),
        **subject(answer, explanation.target),
        "pictures": picture_records(answer.question.images, answer.layout),
        "seconds": round(explanation.seconds, 4),
        "explained_together": explanation.together,
        "peak_bytes": explanation.peak_bytes,
        "complete": explanation.complete,
        "remark": explanation.remark,
        **({"parts": [asdict(part) for part in explanation.parts]} if explanation.parts else {}),
        **({"sets": [asdict(one) for one in explanation.sets]} if explanation.sets else {}),
        "grid": grid_note(answer.layout),
        "counting": COUNTING,
    }


def record_json(answer: Answer, explanations: Sequence[Explanation]) -> str:
    """The records of several maps of one answer, as one line."""
    return json.dumps([record(answer, explanation) for explanation in explanations])


def names(explanations: Sequence[Explanation]) -> list[str]:
    """A column name for each map: its method, numbered where it comes again."""
    methods = [explanation.method for explanation in explanations]
    return [
        method if methods.count(method) == 1 else f"{method}_{methods[: index + 1].count(method)}"
        for index, method in enumerate(methods)
    ]


def csv_text(answer: Answer, explanations: Sequence[Explanation]) -> str:
    """A table with a line for each position. Its first line is "# " and the records as JSON, then comes the header.
    Rows and columns of a grid count from 1, as on every page; positions from 0. Of a question with a video, it says
    when the frames are shown.

    Tokens are JSON strings: line breaks cannot tear the table, and nothing in them is a formula to a spreadsheet.
    """
    answer = explanations[0].about(answer)
    times = _times(answer)
    header = (*PLACE, *SHOWN) if times else PLACE
    rows: list[list[object]] = []
    places = _places(answer)
    scores = [explanation.scores.tolist() for explanation in explanations]
    for position, token in enumerate(_texts(answer)):
        place = (*places.get(position, ("",) * len(PLACE)), *times.get(position, ("",) * (len(header) - len(PLACE))))
        kind = answer.layout.kinds[position].value
        rows.append([position, kind, json.dumps(token), *place, *(repr(row[position]) for row in scores)])
    records = [record(answer, explanation) for explanation in explanations]
    return csv_table(["position", "kind", "token", *header, *names(explanations)], rows, records)


def npz_bytes(answer: Answer, explanations: Sequence[Explanation]) -> bytes:
    """Arrays without pickles: scores [map position], maps (names), kinds, tokens, boxes [position 4] in pixels of the
    picture (NaN where a position has none), views [position], grid [position 2] (row and column, from 1; 0 where a
    position has none), records (JSON).
    """
    answer = explanations[0].about(answer)
    places = _places(answer)
    length = len(answer.layout)
    boxes, grid = np.full((length, 4), np.nan), np.zeros((length, 2), int)
    views = [""] * length
    for position, (_, view, row, column, *box) in places.items():
        views[position], grid[position], boxes[position] = view, (row, column), box
    out = io.BytesIO()
    np.savez_compressed(
        out,
        scores=np.stack([explanation.scores.numpy() for explanation in explanations]),
        maps=np.array(names(explanations)),
        kinds=np.array([kind.value for kind in answer.layout.kinds]),
        # A NumPy string ends at its last character that is not NUL, so tokens are JSON strings here too.
        tokens=np.array([json.dumps(token) for token in _texts(answer)]),
        boxes=boxes,
        views=np.array(views),
        grid=grid,
        records=np.array(record_json(answer, explanations)),
    )
    return out.getvalue()


def _texts(answer: Answer) -> list[str]:
    """The text of every position of the layout; of regions after the sequence there is none."""
    return [*answer.texts, *[""] * (len(answer.layout) - len(answer.texts))]


Place = tuple[int, str, int, int, float, float, float, float]


def _places(answer: Answer) -> dict[int, Place]:
    """For each image token with a place: image, view, row and column (from 1), and its box in pixels of the original
    picture."""
    return {
        position: (
            view.image,
            view.name,
            index // view.columns + 1,
            index % view.columns + 1,
            *view.patch_box(index),
        )
        for view in answer.layout.views
        for index, position in enumerate(view.positions)
    }


def _times(answer: Answer) -> dict[int, tuple[float, float]]:
    """For each image token of a video when its first and its last frame are shown, in seconds."""
    return {
        position: moment.times
        for clip in answer.question.clips
        for moment in moments(answer.layout, clip)
        for position in moment.positions
    }
