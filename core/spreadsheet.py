"""Tables as CSV that a spreadsheet reads as a table, and never as a formula.

Spreadsheets run a cell that begins with =, +, - or @ (OWASP, CSV injection), and text of models, questions and file
names is nobody's friend. A quoting of CSV does not help: it is taken off before the cell is looked at.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@＝＋－＠]|[\t\r\n]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def harmless(cell: object) -> object:
    """A cell as it may stand in a file: text that a spreadsheet would run gets an apostrophe before it, by which it is
    taken for text. Numbers stay, also as text."""
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _is_number(cell):
        return cell
    return f"'{cell}"


def _one_kind_of_break(cell: object) -> object:
    """Line breaks within a cell as they are quoted: another kind would tear the table."""
    return cell.replace("\r\n", "\n").replace("\r", "\n") if isinstance(cell, str) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def record_line(record: Any) -> str:
    """A comment line, "# " and the record as JSON (what has no form there as text). Commas and semicolons within its
    texts are written as escapes: a spreadsheet parts the line there, and what follows would be a cell of its own."""
    plain = json.dumps(record, default=str)
    inside = _STRING.sub(lambda match: match.group().replace(",", "\\u002c").replace(";", "\\u003b"), plain)
    return f"# {inside}\n"


def csv_table(names: Sequence[str], rows: Iterable[Sequence[object]], record: Any = None) -> str:
    """A table with a header and a line for each row, every cell made `harmless`; before it, where there is one, the
    record of how it came about, as `record_line` writes it."""
    out = io.StringIO()
    if record is not None:
        out.write(record_line(record))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_one_kind_of_break(harmless(cell)) for cell in row] for row in (names, *rows))
    return out.getvalue()
