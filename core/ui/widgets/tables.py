"""Tables taken away as files. Streamlit's own download is off (`frame`): a cell that a model wrote could be a formula
to the spreadsheet that opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from ...spreadsheet import csv_table

Row = Mapping[str, object]


def save_table(rows: Sequence[Row], name: str, key: str, record: Any = None) -> None:
    """A button that saves rows as `name`.csv; with a record of how they came about, that is its first line."""
    st.download_button(
        "Table (CSV)",
        partial(rows_csv, rows, record),
        f"{name}.csv",
        "text/csv",
        key=key,
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
    )


def rows_csv(rows: Sequence[Row], record: Any = None) -> str:
    """Rows by their names, as a table that holds no formula."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = ([row.get(name) for name in names] for row in rows)
    return csv_table(names, (["" if cell is None else cell for cell in line] for line in cells), record)
