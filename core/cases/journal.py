"""A file that a long run writes line by line, and from which it goes on after whatever ended it.

The first line is the header: what the lines are of, and that all of them must agree in. Every further line is one
finished piece of work, on the disk before the next begins. A process that is killed leaves at most one line without
its end, which is dropped when the run goes on.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from ..errors import JournalError, LineNotKept, NotWritten, OtherRun
from ..reading import opened, read_bytes
from ..typed_paths import is_there
from ..writing import check_place, check_regular, remedy_of

try:
    import fcntl
except ImportError:  # Windows has no such lock
    fcntl = None  # type: ignore[assignment]

T = TypeVar("T")
Record = dict[str, Any]
KIND = "sightline"
"""The header's first key, by which a file is known as a journal."""
HEADER_BYTES = 1 << 16


class Journal:
    """An open journal: `records` were there already; `append` adds one. Use it as a context manager.

    `identity` is what all lines must agree in, plain values by name; `about` is told beside it and may change.
    Raises OtherRun where the file was begun with another identity, JournalError where it is no journal, is damaged,
    cannot be written, or another process writes to it.
    """

    def __init__(self, file: Path, kind: str, identity: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        self.path = file
        self._file = _opened(file)
        try:
            content = self._file.readall()
            whole = content[: content.rfind(b"\n") + 1]
            lines = _parsed(whole, file)
            if lines:
                self.header, self.records = _checked(lines[0], kind, file), lines[1:]
                _refuse_other(self.header, identity, file)
                self._cut(len(whole))
            else:
                _refuse_foreign(content, file)
                self._cut(0)
                self.header, self.records = {KIND: kind, **identity, "about": dict(about)}, []
                self._write(self.header)
        except BaseException:
            self._file.close()
            raise

    def append(self, record: Record) -> None:
        """Write one line, and have it on the disk. Raises JournalError where it cannot be written."""
        self._write(record)
        self.records.append(record)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # every line is on the disk already, or was told not to be
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cut(self, length: int) -> None:
        try:
            self._file.truncate(length)
            self._file.seek(length)
        except OSError as error:
            self._full(error)
        self._end = length

    def _write(self, record: Record) -> None:
        line = json.dumps(record, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # half a line would be dropped when the run goes on, too
                self._file.truncate(self._end)
                self._file.seek(self._end)
            self._full(error)
        self._end += len(line)

    def _full(self, error: OSError) -> NoReturn:
        raise LineNotKept(
            f"{self.path.name} cannot be written ({error.strerror}). What it holds is kept: {remedy_of(error)}, and "
            "start the same command again to go on."
        ) from error


def check_journal(file: Path, kind: str) -> None:
    """Before work whose lines a journal is to keep: raises JournalError where it could not be written, is no journal of
    this kind, or another process writes to it."""
    if not is_there(file):
        _at_a_place(check_place, file)
        return
    with _opened(file) as lines:
        header = lines.readline(HEADER_BYTES)
        if header.endswith(b"\n"):
            _checked(_parsed(header, file)[0], kind, file)
        elif len(header) < HEADER_BYTES:
            _refuse_foreign(header, file)


def _at_a_place(check: Callable[[Path], Path], file: Path) -> Path:
    try:
        return check(file)
    except NotWritten as error:
        raise JournalError(
            f"{file} cannot be written ({error.why}). Choose a results file in a folder that you may write to."
        ) from error


def each_line(records: list[Record], read: Callable[[Record], T], file: Path) -> list[T]:
    """What the lines of a journal say. Raises JournalError, with the line's number, where one lacks a field or has one
    of another type."""
    read_lines = []
    for number, record in enumerate(records, 2):
        try:
            read_lines.append(read(record))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            what = f"it has no field {error}" if isinstance(error, KeyError) else str(error)
            raise JournalError(
                f"Line {number} of {file.name} cannot be read ({what[:120]}). Delete that line to go on with the "
                "others."
            ) from error
    return read_lines


def read_journal(file: Path, kind: str) -> tuple[Record, list[Record]]:
    """The header and the finished lines of a journal, which may still be growing. Raises JournalError."""
    try:
        content = read_bytes(file)
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Choose a results file.") from error
    lines = _parsed(content[: content.rfind(b"\n") + 1], file)
    if not lines:
        raise JournalError(f"{file.name} holds no results. Choose a file that a run has written.")
    return _checked(lines[0], kind, file), lines[1:]


def kind_of(file: Path) -> str | None:
    """What a file is a journal of, by its first line; None where it is none, or cannot be read."""
    try:
        with opened(file) as lines:
            header = json.loads(lines.readline(HEADER_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return str(header[KIND]) if isinstance(header, dict) and KIND in header else None


def _opened(file: Path) -> io.FileIO:
    """Without a buffer: what is written is written, or told not to be."""
    _at_a_place(check_regular, file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = io.FileIO(os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o644), "r+b")
    except OSError as error:
        raise JournalError(
            f"{file} cannot be written ({error.strerror}). Choose a results file in a folder that you may write to."
        ) from error
    if fcntl is not None:
        try:
            fcntl.flock(lines, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except OSError as error:
            lines.close()
            raise JournalError(
                f"Another run is writing to {file.name}. Wait until it is done, or choose another results file."
            ) from error
    return lines


def _parsed(content: bytes, file: Path) -> list[Record]:
    records: list[Record] = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            if number == 1:
                raise JournalError(_foreign(file))
            raise JournalError(f"Line {number} of {file.name} is damaged. Delete that line to go on with the others.")
        records.append(record)
    return records


def _checked(header: Record, kind: str, file: Path) -> Record:
    if header.get(KIND) != kind:
        raise JournalError(_foreign(file))
    if not isinstance(header.get("about", {}), dict) or not isinstance(header.get("settings", {}), dict):
        raise JournalError(f"The first line of {file.name} is damaged. Choose a file that a run wrote.")
    return header


def _refuse_other(header: Record, identity: Mapping[str, Any], file: Path) -> None:
    plain = json.loads(json.dumps(dict(identity)))
    differing = [name for name in plain if header.get(name) != plain[name]]
    if differing:
        told = "; ".join(f"{name} {_short(header.get(name))} there, {_short(plain[name])} here" for name in differing)
        raise OtherRun(
            f"{file.name} was begun otherwise ({told}), and one file holds one run. It was left as it is: choose "
            "another results file, or run with what it was begun with."
        )


def _refuse_foreign(content: bytes, file: Path) -> None:
    """Of a file without one whole line, only an empty one or the beginning of a header may be written over."""
    start = f'{{"{KIND}"'.encode()
    if not (content.startswith(start) or start.startswith(content)):
        raise JournalError(_foreign(file))


def _foreign(file: Path) -> str:
    return f"{file.name} was not written by a run of this kind, and is left as it is. Choose another file."


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
