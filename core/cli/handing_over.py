"""The work of the commands that hand a run over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ..errors import RunError
from ..reports.bundle import write_bundle
from ..reports.report import write_report
from ..runs.bundle import import_bundle
from ..runs.store import RunStore
from ..writing import reserved
from .console import Exit, bar, emit, say, stoppable
from .dashboard import check_address, kept_in, serve

Write = Callable[..., None]


def reported(data: Path | None, id_: str, file: Path) -> Exit:
    """Write the report of a run."""
    return _written(write_report, "drawing", data, id_, file)


def bundled(data: Path | None, id_: str, file: Path) -> Exit:
    """Write a run with all that there is of it."""
    return _written(write_bundle, "writing", data, id_, file)


def _written(write: Write, what: str, data: Path | None, id_: str, file: Path) -> Exit:
    """Write a file of a run, and tell its size and what could not be read."""
    store = RunStore(data)
    with reserved(file), store.open(id_, only_look=True) as run, stoppable() as cancel, bar(what) as progress:
        write(run, file, progress=progress, cancel=cancel)
        damage = tuple(run.damage)
    emit({"run": id_, "file": str(file), "bytes": file.stat().st_size, "damage": list(damage)})
    for sentence in damage:
        say(sentence)
    return Exit.INCOMPLETE if damage else Exit.DONE


def opened(data: Path | None, named: str, host: str, port: int) -> NoReturn:
    """Take in a bundle, unless it is a run that is kept already, and start the dashboard where it is looked at. Raises
    RunError, and WrongOption for an address that cannot be had: then nothing is taken in."""
    check_address(host, port)
    store, file = RunStore(data), Path(named)
    if not file.exists() and (id_ := _kept(store, named)) is not None:
        damage: tuple[str, ...] = ()
    else:
        id_, damage = import_bundle(store, file)
        say(f"Taken in as {id_}.")
    for sentence in damage:
        say(sentence)
    serve(host, port, kept_in(data), f"Chat?run={id_}")


def _kept(store: RunStore, named: str) -> str | None:
    """The run of this name, where there is one."""
    try:
        return store.info(named).id
    except RunError:
        return None
