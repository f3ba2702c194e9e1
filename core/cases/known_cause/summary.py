"""The known cause that comes with Sightline, as `sightline known-cause --summary` writes it, and what it says of each
method."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...assets import asset
from ...errors import JournalError
from ...explainers.base import Explainer
from ..kept_summary import read_summary
from .figures import CauseRow, KnownCause
from .sides import PLACES, WHO
from .verdict import decides, passed_by, verdict_sentence

COMMITTED = asset("known-cause.json")
"""Of the embedded model and its honest twin."""


@dataclass(frozen=True)
class KnownCauseFile:
    """A known cause, and the command that gives it."""

    known_cause: KnownCause
    command: str


def read_known_cause(file: Path | None = None) -> KnownCauseFile:
    """The known cause that `sightline known-cause --summary` wrote, by default the one kept here. Raises JournalError,
    with what to do, where there is none."""
    first, choose = "Run `sightline known-cause` first.", "Choose a file that `sightline known-cause` wrote."
    found, command = read_summary(file or COMMITTED, KnownCause, "known cause", first, choose, _check)
    return KnownCauseFile(found, command)


def passed(method: str) -> bool | None:
    """Whether a method passed the known cause that comes with Sightline; None where it was not measured on enough
    scenes."""
    row = _rows().get(method)
    return None if row is None else passed_by(row) is not None


def passed_by_word(method: str) -> bool:
    """Whether a method's maps of the word alone, without a rival, passed the known cause that comes with Sightline."""
    row = _rows().get(method)
    return row is not None and passed_by(row) == "word"


def told_of(method: str) -> str | None:
    """What the known cause that comes with Sightline says of a method, in a sentence; None where it was not measured on
    enough scenes."""
    row = _rows().get(method)
    return None if row is None else verdict_sentence(row)


def caveat_of(explainer: Explainer) -> str:
    """What a method's scores do not tell, and what the known cause says of it: the lines under its maps."""
    told = told_of(explainer.key)
    return explainer.caveat if told is None else f"{explainer.caveat} {told}"


@cache
def _rows() -> dict[str, CauseRow]:
    """By method, of those with enough scenes; none where the file cannot be read, and then nothing has passed."""
    try:
        ranking = read_known_cause().known_cause.ranking
    except JournalError:
        return {}
    return {row.method: row for row in ranking if decides(row)}


def _check(found: KnownCause) -> None:
    """Raises ValueError where its parts do not go together."""
    for who in WHO:
        for table, name in ((found.models, "models"), (found.model_names, "model_names")):
            if who not in table:
                raise ValueError(f"{name}.{who} is missing")
        for effects, name in ((found.effects, "effects"), (found.contrasts, "contrasts")):
            for place in PLACES:
                if place not in effects.get(who, {}):
                    raise ValueError(f"{name}.{who}.{place} is missing")
