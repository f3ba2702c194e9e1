"""A file that a long run writes line by line, and from which it goes on after whatever ended it.

The first line is the header: what the lines are of, and that all of them must agree in. Every further line is one
finished piece of work, on the disk before the next begins. A process that is killed leaves at most one line without
its end, which is dropped when the run goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ..errors import JournalError, OtherRun

try:
    import fcntl
except ImportError:  # Windows has no such lock
    fcntl = None  # type: ignore[assignment]

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
            content = self._file.read()
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
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cut(self, length: int) -> None:
        self._file.truncate(length)
        self._file.seek(length)

    def _write(self, record: Record) -> None:
        try:
            self._file.write(json.dumps(record, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise JournalError(
                f"{self.path.name} cannot be written ({error.strerror}). What it holds is kept: make room, and start "
                "the same command again to go on."
            ) from error


def read_journal(file: Path, kind: str) -> tuple[Record, list[Record]]:
    """The header and the finished lines of a journal, which may still be growing. Raises JournalError."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Choose a results file.") from error
    lines = _parsed(content[: content.rfind(b"\n") + 1], file)
    if not lines:
        raise JournalError(f"{file.name} holds no results. Choose a file that a run has written.")
    return _checked(lines[0], kind, file), lines[1:]


def kind_of(file: Path) -> str | None:
    """What a file is a journal of, by its first line; None where it is none, or cannot be read."""
    try:
        with file.open("rb") as opened:
            header = json.loads(opened.readline(HEADER_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return str(header[KIND]) if isinstance(header, dict) and KIND in header else None


def _opened(file: Path) -> BinaryIO:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    except OSError as error:
        raise JournalError(
            f"{file} cannot be written ({error.strerror}). Choose a results file in a folder that you may write to."
        ) from error
    if fcntl is not None:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except OSError as error:
            opened.close()
            raise JournalError(
                f"Another run is writing to {file.name}. Wait until it is done, or choose another results file."
            ) from error
    return opened


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
