"""The checks that come with Sightline: what they found on the embedded model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...assets import asset
from ...errors import JournalError
from ...reading import read_json
from ...typed import typed
from .figures import Checks

COMMITTED = asset("checks.json")


@dataclass(frozen=True)
class KeptChecks:
    """Checks, and the command that gives them."""

    found: Checks
    command: str


def read_checks(file: Path | None = None) -> KeptChecks:
    """What `sightline checks --summary` wrote, by default the file kept here. Raises JournalError, with what to do,
    where there is none."""
    file = file or COMMITTED
    try:
        values = read_json(file)
        return KeptChecks(typed(Checks, values), typed(_Told, values).command)
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Run the checks first.") from error
    except ValueError as error:
        raise JournalError(
            f"{file.name} holds no checks ({str(error)[:160]}). Choose what `sightline checks` wrote."
        ) from error


@dataclass(frozen=True)
class _Told:
    command: str
