"""Results files as they are on the disk, read again only when they have changed."""

from __future__ import annotations

from pathlib import Path

from ...cases.decisions import decisions_file
from ...cases.journal import kind_of
from ...cases.results import KIND, Run, read_run
from ..state.person import home, person
from ..state.results import ResultCache
from .view import RUNS


def read(results: ResultCache, file: Path) -> Run | None:
    """The run in a file; None where there is no file yet. Raises JournalError."""
    state = _state(file)
    if state is None:
        return None
    key = (str(file), state, _state(decisions_file(file)))
    run = results.get(RUNS, key)
    if run is None:
        run = read_run(file)
        results.keep(RUNS, key, run)
    return run


def _state(file: Path) -> tuple[int, int] | None:
    """What changes where a file does; None where there is none."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def known_runs() -> list[str]:
    """The files in the folder for results that hold a run of cases, by name."""
    home = results_home()
    return sorted(str(file) for file in home.glob("*.jsonl") if kind_of(file) == KIND) if home.is_dir() else []


def results_home() -> Path:
    """The folder where results are put unless somebody says otherwise. Raises RunError where it is not known whose."""
    if person() is not None:
        return home() / "results"
    try:
        return Path.home() / "sightline-results"
    except RuntimeError:
        return Path("sightline-results")
