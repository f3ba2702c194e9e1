"""Where calibrations of doubt are kept for a model: below a folder for data, or as they come along."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ..cases.kept_leagues import journal_of, leagues_of, result_of
from ..cases.plain import write_plain
from ..errors import JournalError
from .kept import COMMITTED, Doubt, read_doubt, record_of

PLACE = "doubt"


def doubt_journal(home: Path, fingerprint: str, name: str, folder: str) -> Path:
    """Where the lines of a set are kept for a model."""
    return journal_of(home, fingerprint, name, folder, 0, PLACE)


def keep_doubt(found: Doubt, journal: Path, command: str) -> Path:
    """Keep what was found beside its lines. Raises JournalError where that cannot be."""
    file = result_of(journal)
    write_plain(record_of(found, command), file)
    return file


def kept_doubt(home: Path, fingerprint: str) -> tuple[Doubt, str] | None:
    """What is known of a model's doubt, and the command that gives it: the latest that was kept and has a calibration,
    else the latest at all, else what comes along. None where there is nothing of this model."""
    try:
        files = sorted(leagues_of(home, fingerprint, PLACE).glob("*.json"), key=lambda file: -file.stat().st_mtime_ns)
    except OSError:
        files = []
    found = [one for file in [*files, COMMITTED] if (one := _read(file, _state(file), fingerprint)) is not None]
    return next((one for one in found if one[0].calibrations), found[0] if found else None)


def _state(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=32)
def _read(file: Path, state: int, fingerprint: str) -> tuple[Doubt, str] | None:
    try:
        return read_doubt(file, fingerprint)
    except JournalError:
        return None
