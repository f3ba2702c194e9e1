"""The work of the commands that hand a run over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..reports.bundle import write_bundle
from ..reports.report import write_report
from ..runs.store import RunStore
from .console import Exit, bar, emit, say, stoppable

Write = Callable[..., None]


def reported(data: Path | None, id_: str, file: Path) -> Exit:
    """Write the report of a run."""
    return _written(write_report, "drawing", data, id_, file)


def bundled(data: Path | None, id_: str, file: Path) -> Exit:
    """Write a run with all that there is of it."""
    return _written(write_bundle, "writing", data, id_, file)


def _written(write: Write, what: str, data: Path | None, id_: str, file: Path) -> Exit:
    """Write a file of a run, and tell its size and what could not be read."""
    with RunStore(data).open(id_, only_look=True) as run, stoppable() as cancel, bar(what) as progress:
        write(run, file, progress=progress, cancel=cancel)
        damage = tuple(run.damage)
    emit({"run": id_, "file": str(file), "bytes": file.stat().st_size, "damage": list(damage)})
    for sentence in damage:
        say(sentence)
    return Exit.INCOMPLETE if damage else Exit.DONE
