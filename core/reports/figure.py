"""A figure of a report: what is drawn, what it says, its numbers, and where the method comes from."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import WrongOption
from ..mechanisms.results import Row
from ..spreadsheet import csv_table
from ..writing import write_whole
from .drawing import Drawing

ENDINGS = (".svg", ".png", ".csv", ".npz")


@dataclass(frozen=True, eq=False)
class Figure:
    """`numbers` are the arrays that it shows, by name, in which two figures are compared; `rows` the same as a table
    for a file, and `shown` the part of a table that stands below the drawing. `methods` are texts that name the papers
    it rests on (docstrings), `settings` plain values. All text is untrusted."""

    title: str
    caption: str
    numbers: Mapping[str, np.ndarray]
    drawing: Drawing | None = None
    rows: Sequence[Row] = ()
    shown: Sequence[Row] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = ()

    @property
    def record(self) -> dict[str, object]:
        """What it is, for its files."""
        return {"title": self.title, "caption": self.caption, "settings": dict(self.settings)}

    def csv(self) -> bytes:
        """The rows, below a line with the record. Texts are JSON, so that nothing in them is a formula to a
        spreadsheet."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        cells = ([_cell(row.get(name)) for name in names] for row in self.rows)
        return csv_table(names, cells, self.record).encode(errors="replace")

    def npz(self) -> bytes:
        """The arrays without pickles, and the record as JSON."""
        out = io.BytesIO()
        numbers: dict[str, Any] = {_plain(name): value for name, value in self.numbers.items()}
        np.savez_compressed(out, **numbers, record=np.array(json.dumps(self.record, default=str)))
        return out.getvalue()

    def save(self, file: str | Path) -> None:
        """Write it, as what the file's name ends in: svg, png, csv or npz. Raises WrongOption for another ending, and
        where there is nothing to draw; NotWritten."""
        path = Path(file)
        ending = path.suffix.lower()
        if ending not in ENDINGS:
            raise WrongOption(
                f"A figure is saved as {', '.join(ENDINGS)}, not as {ending or 'a name without ending'!r}."
            )
        if ending == ".csv":
            content = self.csv()
        elif ending == ".npz":
            content = self.npz()
        elif self.drawing is None:
            raise WrongOption("This figure is a table. Save it as .csv or .npz.")
        else:
            content = self.drawing.svg().encode() if ending == ".svg" else self.drawing.png()
        write_whole(path, content)


def _cell(value: object) -> object:
    if isinstance(value, str):
        return json.dumps(value)
    return repr(value) if isinstance(value, float) else value


def _plain(name: str) -> str:
    """A name of an array in a file of arrays."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)[:60] or "numbers"
