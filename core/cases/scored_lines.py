"""The figures of methods in the lines of a league's journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..typed import typed
from .journal import Record
from .score_case import CENTRE, RANDOM


@dataclass(frozen=True)
class ScoredLine:
    """One method in one case: by metric its figure ("value") and what that is made of."""

    case: str
    method: str | None
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


def scored_lines(records: Sequence[Record]) -> dict[str, dict[str, ScoredLine]]:
    """By case and method, controls and what could not be scored left out; the last line of a case and method counts.
    Raises ValueError for a line that is none of a league."""
    found: dict[str, dict[str, ScoredLine]] = {}
    for line in (typed(ScoredLine, record) for record in records):
        if line.method is not None and line.method not in (RANDOM, CENTRE) and line.figures:
            found.setdefault(line.case, {})[line.method] = line
    return found
