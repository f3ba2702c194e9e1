"""Take figures away: as a table, and with every setting; each file says how it came about."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from ...answer import Answer
from ...geometry import picture_records
from ...spreadsheet import csv_table
from ..widgets.scripts import Made, copy_script

Row = Mapping[str, object]


def save(
    answer: Answer,
    settings: Row,
    rows: Callable[[], Sequence[Row]],
    name: str,
    key: str,
    png: Callable[[], bytes] | None = None,
    made: Made | None = None,
) -> None:
    """A popover with the figures as CSV and as JSON, and a picture where there is one; made when they are asked for.
    Beside it the code that makes the result (`made`) they are of."""
    with st.container(horizontal=True, gap="small"):
        _files(answer, settings, rows, name, key, png)
        if made is not None:
            copy_script(answer, made, key)


def _files(
    answer: Answer,
    settings: Row,
    rows: Callable[[], Sequence[Row]],
    name: str,
    key: str,
    png: Callable[[], bytes] | None,
) -> None:
    with st.popover("Save", icon=":material/download:", type="tertiary"):
        if png is not None:
            st.download_button("Picture (PNG)", png, f"{name}.png", "image/png", f"{key}_png", on_click="ignore")
        table, record = partial(csv_text, answer, settings, rows), partial(json_text, answer, settings, rows)
        st.download_button("Numbers (CSV)", table, f"{name}.csv", "text/csv", f"{key}_csv", on_click="ignore")
        st.download_button(
            "Numbers and settings (JSON)", record, f"{name}.json", "application/json", f"{key}_json", on_click="ignore"
        )


def about(answer: Answer, settings: Row) -> dict[str, object]:
    """How figures about an answer came about, in plain values."""
    return {
        "question": answer.question.text,
        "answer": answer.text,
        "masked": bool(answer.question.masks),
        "pictures": picture_records(answer.question.images, answer.layout),
        "videos": [clip.record() for clip in answer.question.clips],
        "model": answer.model,
        **settings,
    }


def json_text(answer: Answer, settings: Row, rows: Callable[[], Sequence[Row]]) -> str:
    """The record, with the table under "rows"."""
    return json.dumps({**about(answer, settings), "rows": list(rows())}, indent=1)


def csv_text(answer: Answer, settings: Row, rows: Callable[[], Sequence[Row]]) -> str:
    """A table whose first line is "# " and the record as JSON, then comes the header.

    Texts are JSON strings: line breaks cannot tear the table, and nothing in them is a formula to a spreadsheet.
    """
    table = rows()
    names = list(dict.fromkeys(name for row in table for name in row))
    values = ([row.get(name, "") for name in names] for row in table)
    cells = ([json.dumps(one) if isinstance(one, str) and one else one for one in row] for row in values)
    return csv_table(names, cells, about(answer, settings))
