"""Results files as they are on the disk, read again only when they have changed."""

from __future__ import annotations

from pathlib import Path

from ...cases.journal import kind_of
from ...cases.results import KIND, Run, read_run
from ..jobs.result_cache import ResultCache


def read(kept: ResultCache[Run], file: Path) -> Run | None:
    """The run in a file; None where there is no file yet. Raises JournalError."""
    try:
        state = file.stat()
    except OSError:
        return None
    key = (str(file), state.st_mtime_ns, state.st_size)
    found = kept.get(key)
    if found is None:
        found = read_run(file)
        kept.keep(key, found)
    return found


def known_runs() -> list[str]:
    """The files in the folder for results that hold a run of cases, by name."""
    home = results_home()
    return sorted(str(file) for file in home.glob("*.jsonl") if kind_of(file) == KIND) if home.is_dir() else []


def results_home() -> Path:
    """The folder where results are put unless somebody says otherwise."""
    try:
        return Path.home() / "sightline-results"
    except RuntimeError:
        return Path("sightline-results")
