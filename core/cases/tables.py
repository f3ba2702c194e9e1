"""Tables that other people wrote: CSV in any usual encoding and with any usual delimiter, JSON as lines or as a list.

What cannot be read is said by line number and left out; a table without the columns that are needed is refused with
those that it has.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FolderError
from ..images import display_name
from ..reading import read_bytes

MAX_BYTES = 64 * 1024 * 1024
_DELIMITERS = ",;\t|"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Row:
    """One row: its line in the file (its number in a JSON list), and its values by column in small letters."""

    line: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]


@dataclass(frozen=True)
class Table:
    """Rows in order, and what was wrong with the file, in sentences."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]


def read_csv(file: Path, wanted: Sequence[str]) -> Table:
    """The rows of a CSV file, by the names of its columns in small letters. Raises FolderError where one of `wanted`
    is missing, or there is no row."""
    text, problems = _text(file)
    name = display_name(file.name)
    delimiter = max(_DELIMITERS, key=lambda one: len(set(wanted) & set(_header(text, one))))
    header = _header(text, delimiter)
    _refuse_columns(name, header, wanted)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    uneven: list[str] = []
    swallowed: list[str] = []
    try:
        next(reader)
        for fields in reader:
            if any(_holds_rows(field, delimiter, len(header)) for field in fields):
                swallowed.append(str(reader.line_num))
            if len(fields) == len(header):
                rows.append(Row(reader.line_num, dict(zip(header, (field.strip() for field in fields), strict=True))))
            elif any(field.strip() for field in fields):
                uneven.append(str(reader.line_num))
    except csv.Error as error:
        raise FolderError(f"{name} is no readable table ({error}, line {reader.line_num}). Save it as CSV.") from error
    if uneven:
        problems += (
            f"{name}: lines {listed(uneven)} have another number of fields than the header and are left out. Put "
            "texts that contain the delimiter in quotes.",
        )
    if swallowed:
        problems += (
            f"{name}: a text that ends in lines {listed(swallowed)} holds whole lines that look like rows, and they "
            "were not read as rows. If a quote was left open before it, close it.",
        )
    return _filled(Table(tuple(rows), problems), name)


def read_json(file: Path, wanted: Sequence[str]) -> Table:
    """The objects of a JSON file, one a line or in one list; null is "". Raises FolderError where no object has all
    of `wanted`, or the file is no JSON."""
    text, problems = _text(file)
    name = display_name(file.name)
    if text.lstrip().startswith("["):
        try:
            objects = list(enumerate(json.loads(text), 1))
        except (ValueError, RecursionError) as error:
            raise FolderError(f"{name} is damaged ({error}). Download it again.") from error
    else:
        objects = [(number, _object(line)) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    rows, odd = [], []
    for number, fields in objects:
        if isinstance(fields, dict) and set(wanted) <= set(fields):
            rows.append(Row(number, {str(key): _plain(value) for key, value in fields.items()}))
        else:
            odd.append(number)
    if odd and not rows:
        first = dict(objects)[odd[0]]
        _refuse_columns(name, list(first) if isinstance(first, dict) else [], wanted)
    if odd:
        left = listed([str(number) for number in odd])
        problems += (f"{name}: entries {left} are damaged or lack a field, and are left out.",)
    return _filled(Table(tuple(rows), problems), name)


def without_repeats(table: Table, key: Callable[[Row], Hashable], what: str) -> Table:
    """The table with one row for each key, the first. Rows that say the same again, and those that say something
    else under the same key, are named in its problems; `what` says in words what the key is."""
    first: dict[Hashable, Row] = {}
    same: list[str] = []
    other: list[str] = []
    for row in table.rows:
        kept = first.setdefault(key(row), row)
        if kept is not row:
            (same if kept.values == row.values else other).append(f"{kept.line} and {row.line}")
    problems = table.problems
    if same:
        problems += (f"Rows that repeat another are counted once: lines {listed(same)}.",)
    if other:
        problems += (f"Lines {listed(other)} have the same {what} and differ: the first of them is used.",)
    return Table(tuple(first.values()), problems)


def listed(names: Sequence[str], most: int = 3) -> str:
    """Some names, and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _text(file: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a file and what was odd about its encoding."""
    name = display_name(file.name)
    try:
        data = read_bytes(file, MAX_BYTES)
    except OSError as error:
        raise FolderError(f"{name} cannot be read ({error.strerror}). Check its permissions.") from error
    if len(data) > MAX_BYTES:
        raise FolderError(f"{name} has more than {MAX_BYTES >> 20} MB, which no list of questions has.")
    try:
        return data.decode(_encoding(data)), ()
    except UnicodeDecodeError:
        pass
    note = f"{name} is not UTF-8 and was read as Windows-1252. Check a question with accents, or save it as UTF-8."
    return data.decode("cp1252", errors="replace"), (note,)


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    # Without a mark, UTF-16 of mostly Latin text has a NUL in every second place.
    if data[1:64:2].count(0) > 16:
        return "utf-16-le"
    return "utf-16-be" if data[0:64:2].count(0) > 16 else "utf-8"


def _holds_rows(field: str, delimiter: str, columns: int) -> bool:
    """Whether a text of several lines has one that would be a row by itself, as where a quote before it is open."""
    return columns > 1 and any(line.count(delimiter) == columns - 1 for line in field.split("\n")[1:-1])


def _header(text: str, delimiter: str) -> list[str]:
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []
    return [" ".join(name.lower().split()) for name in first]


def _refuse_columns(name: str, header: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [column for column in wanted if column not in header]
    if missing:
        there = listed([f"“{column[:40]}”" for column in header if column], 8) or "none"
        raise FolderError(
            f"{name} has no column {' and no column '.join(f'“{column}”' for column in missing)}. Its columns are "
            f"{there}. Rename them in the table."
        )


def _filled(table: Table, name: str) -> Table:
    if not table.rows:
        raise FolderError(f"{name} holds no question. {' '.join(table.problems)}".rstrip())
    return table


def _object(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
