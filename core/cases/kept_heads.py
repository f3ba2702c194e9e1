"""Heads that ground, as they are kept for a model: below a folder for data, the latest for each model."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from ..errors import JournalError
from ..reading import read_json
from ..typed import typed
from .grounding import RULE, GroundingHeads
from .kept_leagues import journal_of
from .plain import write_plain

PLACE = "heads"


def heads_journal(home: Path, fingerprint: str, name: str, folder: str, seed: int) -> Path:
    """Where the lines of a set's heads are kept."""
    return journal_of(home, fingerprint, name, folder, seed, PLACE)


def heads_file(home: Path, fingerprint: str) -> Path:
    """Where the heads that ground are kept for a model."""
    return journal_of(home, fingerprint, "heads", "", 0, PLACE).with_suffix(".json")


def keep_heads(found: GroundingHeads, home: Path, command: str) -> Path:
    """Keep them for their model, in place of those kept before. Raises JournalError where that cannot be."""
    file = heads_file(home, found.model)
    write_plain({"command": command, "rule": RULE, **asdict(found)}, file)
    return file


def kept_heads(home: Path, fingerprint: str) -> GroundingHeads | None:
    """The heads kept for a model; None where there are none, or they cannot be read."""
    file = heads_file(home, fingerprint)
    try:
        return _read(file, file.stat().st_mtime_ns, fingerprint)
    except OSError:
        return None


@lru_cache(maxsize=32)
def _read(file: Path, state: int, fingerprint: str) -> GroundingHeads | None:
    try:
        found = read_heads(file)
    except JournalError:
        return None
    return found if found.model == fingerprint else None


def read_heads(file: Path) -> GroundingHeads:
    """The heads in a file that `keep_heads` wrote. Raises JournalError."""
    try:
        found = typed(GroundingHeads, read_json(file))
        _ = found.chosen
    except (OSError, ValueError) as error:
        raise JournalError(f"{file.name} holds no heads that ground ({str(error)[:120]}). Run it again.") from error
    return found
