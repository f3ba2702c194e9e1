"""The true effects that come with Sightline: how near the methods' maps are to them on the embedded model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...assets import asset
from ..kept_summary import read_summary
from .figures import WAYS, TrueEffects

COMMITTED = asset("true-effects.json")
FIRST, CHOOSE = "Measure true effects first.", "Choose what `sightline true-effects` wrote."


@dataclass(frozen=True)
class KeptEffects:
    """True effects, and the command that gives them."""

    found: TrueEffects
    command: str


def read_true_effects(file: Path | None = None) -> KeptEffects:
    """What `sightline true-effects --summary` wrote, by default the file kept here. Raises JournalError, with what to
    do, where there is none."""
    return KeptEffects(*read_summary(file or COMMITTED, TrueEffects, "true effects", FIRST, CHOOSE, _check))


def _check(found: TrueEffects) -> None:
    """Raises ValueError where a method lacks a kind of change."""
    for row in found.ranking:
        if missing := [way for way in WAYS if way not in row.near]:
            raise ValueError(f"the method {row.method[:40]!r} has no figures of things that are {missing[0]}")
