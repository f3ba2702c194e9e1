"""Probes that come with Sightline, as `sightline probes --summary` writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...assets import asset
from ...errors import JournalError
from ..kept_summary import read_summary
from .figures import Knowing

COMMITTED = (asset("probes.json"), asset("probes-honest.json"))
"""Of the embedded model, and of its honest twin."""


@dataclass(frozen=True)
class KnowingFile:
    """Probes, and the command that gives them."""

    knowing: Knowing
    command: str


def read_probes(file: Path) -> KnowingFile:
    """The probes that `sightline probes --summary` wrote. Raises JournalError, with what to do, where there are
    none."""
    first, choose = "Run `sightline probes` first.", "Choose a file that `sightline probes` wrote."
    found, command = read_summary(file, Knowing, "probes", first, choose, _check)
    return KnowingFile(found, command)


def committed_of(fingerprint: str) -> KnowingFile | None:
    """Those that come with Sightline and are of this model; None where none are."""
    for file in COMMITTED:
        try:
            read = read_probes(file)
        except JournalError:
            continue
        if read.knowing.model == fingerprint:
            return read
    return None


def _check(found: Knowing) -> None:
    """Raises ValueError where its parts do not go together."""
    if not found.cells or not found.places:
        raise ValueError("no layer was probed")
    probed = {cell.place for cell in found.cells}
    if any(place.place not in probed for place in found.places):
        raise ValueError("a place has no cells")
