"""Take a panel away: all that is drawn of the pinned answers as one figure, and the code that makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import altair as alt
import numpy as np
import streamlit as st

from ...charts.tokens import cut
from ...mechanisms.results import Row
from ...reports.beside import Beside, Part, script_beside
from ...reports.case import Case
from ...reports.code import CannotBeWritten, Writer
from ...reports.figure import Figure
from ...runs.identity import readable
from ..widgets.scripts import Made, setting_of, written_when_opened
from .columns import Column

LONGEST = 44
"""Characters of an answer above its drawing."""
FILES = {
    "Picture (PNG)": ("png", "image/png"),
    "Picture (SVG)": ("svg", "image/svg+xml"),
    "Numbers (CSV)": ("csv", "text/csv"),
    "Numbers (NPZ)": ("npz", "application/zip"),
}


@dataclass(eq=False)
class Taken:
    """What a panel has drawn, column by column: `numbers` are arrays by name, `rows` the same as a table, `charts` what
    is drawn, with its column, `made` what was computed, None where the answer says it all. `ending` are the lines of
    the script that make the figures of all `answers` and `results`."""

    what: str
    caption: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    charts: list[tuple[Column | None, Callable[[], alt.TopLevelMixin]]] = field(default_factory=list)
    made: list[tuple[Column, Made | None]] = field(default_factory=list)
    ending: Callable[[Writer], Sequence[str]] = lambda write: ()


def take_along(taken: Taken) -> None:
    """The files of a panel, and its code; nothing where nothing is drawn yet."""
    if not taken.made:
        return
    figure, name = _figure(taken), f"side-by-side-{taken.what.lower()}"
    with st.container(horizontal=True, gap="small", key="beside_take_along"):
        with st.popover("Save", icon=":material/download:", type="tertiary"):
            for label, (ending, mime) in FILES.items():
                if figure.drawing is not None or ending in ("csv", "npz"):
                    content = _content(figure, ending)
                    key = f"beside_save_{ending}"
                    st.download_button(label, content, f"{name}.{ending}", mime, key=key, on_click="ignore")
        _script(taken)


def _figure(taken: Taken) -> Figure:
    told = {f"answer {column.number + 1}": _about(column) for column, _ in taken.made}
    charts = [("" if column is None else _title(column), make) for column, make in taken.charts]
    return Figure(
        f"Side by Side: {taken.what}",
        taken.caption,
        taken.numbers,
        Beside(charts) if charts else None,
        taken.rows,
        settings={**taken.settings, **told},
    )


def _content(figure: Figure, ending: str) -> Callable[[], bytes | str]:
    drawing = figure.drawing
    if ending == "csv":
        return figure.csv
    if ending == "npz":
        return figure.npz
    assert drawing is not None
    return drawing.png if ending == "png" else drawing.svg


def _about(column: Column) -> dict[str, object]:
    """What a column is, for the record of a file."""
    answer = column.answer
    return {
        "question": answer.question.text,
        "answer": answer.text,
        "about": column.pin.label,
        "model": column.pin.model,
        "fingerprint": answer.model,
        "target": column.name,
        "masked": bool(answer.question.masks),
    }


def _title(column: Column) -> str:
    return f"{column.number + 1}: {cut(' '.join(column.answer.text.split()), LONGEST)}"


def _script(taken: Taken) -> None:
    def write() -> None:
        text = script_beside([_part(column, made) for column, made in taken.made], taken.ending)
        st.code(text, language="python", wrap_lines=True)
        drawn = all("street_scene" in code or "from_params" in code for part in _parts(taken) for code in part)
        st.caption("It needs Sightline alone." if drawn else "Run it where the pictures lie that it names.")

    written_when_opened(write, f"beside_{taken.what.lower()}")


def _parts(taken: Taken) -> list[Sequence[str]]:
    return [setting_of(column.answer).pictures for column, _ in taken.made]


def _part(column: Column, made: Made | None) -> Part:
    answer, setting = column.answer, setting_of(column.answer)
    if setting.model is None:
        setting = replace(setting, model=column.pin.kept)
    if setting.model is None:
        raise CannotBeWritten(f"It is not known how the model of answer {column.number + 1} is loaded.")
    case = None if made is None else (made.kind.name, Case(answer, made.result, readable(made.about)))
    return Part(answer, setting, case)
