"""The checks that come with Sightline: what they found on the embedded model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...assets import asset
from ..kept_summary import read_summary
from .figures import Checks

COMMITTED = asset("checks.json")
FIRST, CHOOSE = "Run the checks first.", "Choose what `sightline checks` wrote."


@dataclass(frozen=True)
class KeptChecks:
    """Checks, and the command that gives them."""

    found: Checks
    command: str


def read_checks(file: Path | None = None) -> KeptChecks:
    """What `sightline checks --summary` wrote, by default the file kept here. Raises JournalError, with what to do,
    where there is none."""
    return KeptChecks(*read_summary(file or COMMITTED, Checks, "checks", FIRST, CHOOSE))
