"""A file of what a long command found, written when all of it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..cases.plain import write_plain
from ..vlm.cancel import CancelToken
from .console import Exit, emit, say


def write_completed(
    record: Callable[[], Mapping[str, Any]], file: Path | None, cancel: CancelToken, incomplete: str
) -> None:
    """Write the record, unless no file is wanted or the work was stopped: then `incomplete` says what is missing.
    Raises JournalError where it cannot be written."""
    if file is None:
        return
    if cancel.cancelled:
        say(f"{file} was not written: {incomplete}. The same command goes on, and writes it.")
    else:
        write_plain(record(), file)


def tell_ranking(record: Mapping[str, Any], file: Path | None, cancel: CancelToken, incomplete: str) -> Exit:
    """Write the record as `write_completed` does, and emit a line for each place of its "ranking" and one for the rest;
    what was measured is emitted also where the file cannot be written, which raises JournalError."""
    try:
        write_completed(lambda: record, file, cancel, incomplete)
    finally:
        for place in record["ranking"]:
            emit(place)
        emit({**{name: value for name, value in record.items() if name != "ranking"}, "complete": not cancel.cancelled})
    return Exit.STOPPED if cancel.cancelled else Exit.DONE
