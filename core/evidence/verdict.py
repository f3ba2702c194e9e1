"""Does a map hold? One rule, for every badge, table and report that says so.

A map holds under a fill where removing its top patches lowers the target's probability, and leaves less of it than
every one of many random orders and than the middle of the picture. A map that knows nothing is the best of nineteen
others and itself once in twenty times. Where nothing that is removed moves the probability, no map can be tested.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..answer import SceneFill
from .ranking import QUOTED
from .result import Evidence

ENOUGH_DRAWS = 19
"""Random orders that a map has to beat, all of them: at the 5 % level, one-sided."""

HARDLY = 0.05
"""Nats. Where neither the whole picture's removal, nor that of a fifth of it in any order that was tried, moves the
log-probability by as much (a twentieth of the probability), the picture hardly matters."""

LEAST_FALL = 0.01
"""Nats that a map's patches take from the log-probability, a hundredth of the probability, or it is no fall."""


class Standing(StrEnum):
    """What can be said of a map under one fill."""

    HOLDS = "holds"
    NO_FALL = "does not lower it"
    CHANCE = "no more than chance"
    MIDDLE = "no more than the middle of the picture"
    FEW = "too few random orders to tell"
    HARDLY = "the picture hardly matters"
    STOPPED = "stopped"

    @property
    def untold(self) -> bool:
        """Whether nothing was found of the map, for or against it."""
        return self in (Standing.FEW, Standing.HARDLY, Standing.STOPPED)


@dataclass(frozen=True)
class Verdict:
    """A map under one fill: the target's probability with the whole picture (`full`), with none of it (`blank`), and
    once the top patches are gone that verdicts quote: of the map (`left`), of each random order that was read
    (`random`), and of the middle of the picture (`centre`). NaN for what a stopped test did not come to."""

    fill: SceneFill
    standing: Standing
    full: float
    blank: float
    left: float
    random: tuple[float, ...]
    centre: float


def verdict(evidence: Evidence, fill: SceneFill | None = None) -> Verdict:
    """What a test found under a fill, the first by default. Raises KeyError for one that was not tested."""
    fill = evidence.fills[0] if fill is None else fill
    tested = evidence.tested.curve("deletion", fill)
    drawn = evidence.left.get(fill) or tuple(one.curve("deletion", fill).at(QUOTED) for one in evidence.random)
    centre = evidence.centre.curve("deletion", fill).at(QUOTED)
    return judged(fill, tested.full, tested.blank, tested.at(QUOTED), drawn, centre)


def judged(fill: SceneFill, full: float, blank: float, left: float, drawn: Iterable[float], centre: float) -> Verdict:
    """The verdict that follows from what was read, with NaN for what was not."""
    random = tuple(value for value in drawn if not math.isnan(value))
    return Verdict(fill, _standing(full, blank, left, random, centre), full, blank, left, random, centre)


def verdicts(evidence: Evidence) -> tuple[Verdict, ...]:
    """That of every fill."""
    return tuple(verdict(evidence, fill) for fill in evidence.fills)


def _standing(full: float, blank: float, left: float, random: Sequence[float], centre: float) -> Standing:
    if any(math.isnan(value) for value in (full, blank, left)):
        return Standing.STOPPED
    known = [value for value in (blank, left, centre, *random) if not math.isnan(value)]
    if max(abs(nats(value) - nats(full)) for value in known) < HARDLY:
        return Standing.HARDLY if random and not math.isnan(centre) else Standing.STOPPED
    if nats(full) - nats(left) < LEAST_FALL:
        return Standing.NO_FALL
    if random and left >= min(random):
        return Standing.CHANCE
    if left >= centre:
        return Standing.MIDDLE
    return Standing.HOLDS if len(random) >= ENOUGH_DRAWS and not math.isnan(centre) else Standing.FEW


def nats(probability: float) -> float:
    """Its logarithm, as far down as float64 goes."""
    return math.log(max(probability, 5e-324))
