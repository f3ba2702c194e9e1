"""The true effects that come with Sightline: how near the methods' maps are to them on the embedded model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...assets import asset
from ...errors import JournalError
from ...reading import read_json
from ...typed import typed
from .figures import WAYS, TrueEffects

COMMITTED = asset("true-effects.json")


@dataclass(frozen=True)
class KeptEffects:
    """True effects, and the command that gives them."""

    found: TrueEffects
    command: str


def read_true_effects(file: Path | None = None) -> KeptEffects:
    """What `sightline true-effects --summary` wrote, by default the file kept here. Raises JournalError, with what to
    do, where there is none."""
    file = file or COMMITTED
    try:
        values = read_json(file)
        found, told = typed(TrueEffects, values), typed(_Told, values)
        for row in found.ranking:
            if missing := [way for way in WAYS if way not in row.near]:
                raise ValueError(f"the method {row.method[:40]!r} has no figures of things that are {missing[0]}")
    except OSError as error:
        raise JournalError(f"{file.name} cannot be read ({error.strerror}). Measure true effects first.") from error
    except ValueError as error:
        raise JournalError(
            f"{file.name} holds no true effects ({str(error)[:160]}). Choose what `sightline true-effects` wrote."
        ) from error
    return KeptEffects(found, told.command)


@dataclass(frozen=True)
class _Told:
    command: str
