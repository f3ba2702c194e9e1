"""Leagues that are kept for a model: below a folder for data, by the model's fingerprint, one for each set of cases."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import JournalError
from ..reading import read_json
from ..typed import typed
from .folder_standing import FolderLeague, judged_anew
from .league_file import read_league_file
from .plain import write_plain

PLACE = "leagues"


@dataclass(frozen=True)
class KeptLeague:
    """A league as it is kept, the command that gives it, and its file."""

    of: FolderLeague
    command: str
    file: Path


def leagues_of(home: Path, fingerprint: str, place: str = PLACE) -> Path:
    """The folder of a model's leagues below a folder for data; precision and device are part of the fingerprint."""
    return home / place / hashlib.sha256(fingerprint.encode("utf-8", "replace")).hexdigest()[:16]


def journal_of(home: Path, fingerprint: str, name: str, folder: str, seed: int, place: str = PLACE) -> Path:
    """Where the lines of a set's league are kept below a folder for data; its result is `result_of` that."""
    hashed = hashlib.sha256(folder.encode("utf-8", "replace")).hexdigest()[:6]
    named = re.sub(r"[^0-9A-Za-z]+", "-", Path(folder).name).strip("-")[:30]
    stem = "-".join(filter(None, (name, named, hashed, str(seed) if seed else "")))
    return leagues_of(home, fingerprint, place) / f"{stem}.jsonl"


def result_of(journal: Path) -> Path:
    """Where a league's result is kept: beside its lines."""
    return journal.with_suffix(".json")


def keep(league: FolderLeague, journal: Path, command: str) -> Path:
    """Keep a result beside its lines. Raises JournalError where that cannot be."""
    file = result_of(journal)
    write_plain(league.record(command), file)
    return file


def kept_leagues(home: Path, fingerprint: str) -> list[KeptLeague]:
    """The leagues kept for a model, the latest first; those that cannot be read are left out."""
    try:
        states = [(file.stat().st_mtime_ns, file) for file in leagues_of(home, fingerprint).glob("*.json")]
    except OSError:
        return []
    read = [_read(file, state) for state, file in sorted(states, reverse=True)]
    return [kept for kept in read if kept is not None and kept.of.league.model == fingerprint]


@lru_cache(maxsize=64)
def _read(file: Path, state: int) -> KeptLeague | None:
    """The league in a file as it is since then; None where it cannot be read."""
    try:
        return read_kept(file)
    except JournalError:
        return None


def read_kept(file: Path) -> KeptLeague:
    """The league in a file that `keep` wrote. Raises JournalError."""
    read = read_league_file(file)
    try:
        values: Any = read_json(file)
        of = typed(FolderLeague, {**values, "league": {**values}})
    except (OSError, ValueError) as error:
        raise JournalError(f"{file.name} holds no league of a folder ({str(error)[:120]}). Run it again.") from error
    return KeptLeague(judged_anew(of), read.command, file)
