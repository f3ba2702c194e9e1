"""What the lines of a known cause say of each method: how far its maps tell the model that looks from the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...statistics.auroc import auroc
from ...statistics.bootstrap import mean
from ...statistics.estimate import Estimate
from ...typed import typed
from ..journal import Record
from ..score_case import name_of
from .sides import PLACES, WHO, Place, Who


@dataclass(frozen=True)
class Told:
    """How far one kind of map tells the two models apart.

    `looks` and `habit` are the mean shares of a map's positive mass on the truck's door in each model, `truck` their
    paired difference, `house` the same difference at the house's door, `beyond` the truck's less the house's, paired
    too. `auroc` says how often the share on the truck's door is higher in the model that looks, `auroc_mass` the same
    of the absolute mass there.
    """

    looks: Estimate
    habit: Estimate
    truck: Estimate
    house: Estimate
    beyond: Estimate
    auroc: Estimate
    auroc_mass: Estimate


@dataclass(frozen=True)
class CauseRow:
    """One method over `scenes`: its maps of the answer's first word, and of that rather than its opposite (None where
    that was not asked for or the method has no contrast); `refused` counts the scenes that it could not explain."""

    method: str
    name: str
    scenes: int
    refused: int
    word: Told
    contrast: Told | None


@dataclass(frozen=True)
class KnownCause:
    """How the methods stand on a known cause, in the order of `beyond`.

    `models` (fingerprints) and `model_names` are those of the model that looks ("looks") and of the one that does not
    ("habit"). Of `scenes` that were asked about `used` could be used. `effects` are the doors' true effects: by how
    many nats the word's log-probability falls when the door is redrawn, by model and door; `contrasts` the same of the
    word rather than its opposite.
    """

    models: Mapping[str, str]
    model_names: Mapping[str, str]
    scenes: int
    used: int
    effects: Mapping[str, Mapping[str, Estimate]]
    contrasts: Mapping[str, Mapping[str, Estimate]]
    ranking: tuple[CauseRow, ...]


@dataclass(frozen=True)
class _Mass:
    share: float
    mass: float


@dataclass(frozen=True)
class _Maps:
    word: _Mass
    contrast: _Mass | None


@dataclass(frozen=True)
class _Effect:
    word: float
    contrast: float


@dataclass(frozen=True)
class Line:
    """What is read of a line of the journal: of a scene (method None), or of a method in a scene."""

    case: str
    method: str | None
    masses: Mapping[str, Mapping[str, _Maps]] | None = None
    effects: Mapping[str, Mapping[str, _Effect]] | None = None
    problem: str | None = None


def read_line(record: Record) -> Line:
    """A line of the journal. Raises ValueError for one that is none of a known cause."""
    line = typed(Line, record)
    tables: tuple[Mapping[str, Mapping[str, object]] | None, ...] = (line.masses, line.effects)
    for table in tables:
        if table is not None and any(place not in table.get(who, {}) for who in WHO for place in PLACES):
            raise ValueError("it does not tell of both doors in both models")
    return line


def known_cause(models: Mapping[str, str], model_names: Mapping[str, str], lines: Sequence[Line]) -> KnownCause:
    """The figures of a journal's lines, of the models with these fingerprints and names. The last line of a scene and
    method counts."""
    last = {(line.case, line.method): line for line in lines}.values()
    scenes = [line for line in last if line.method is None]
    seen = [line.effects for line in _in_order(scenes) if line.effects is not None]
    methods: dict[str, list[Line]] = {}
    for line in last:
        if line.method is not None:
            methods.setdefault(line.method, []).append(line)
    rows = [_row(method, own) for method, own in methods.items()]
    return KnownCause(
        models=models,
        model_names=model_names,
        scenes=len(scenes),
        used=len(seen),
        effects={who: {place: mean([one[who][place].word for one in seen], "nats") for place in PLACES} for who in WHO},
        contrasts={
            who: {place: mean([one[who][place].contrast for one in seen], "nats") for place in PLACES} for who in WHO
        },
        ranking=tuple(sorted(rows, key=lambda row: -_number(row.word.beyond.value))),
    )


def _in_order(lines: Sequence[Line]) -> list[Line]:
    """In the order of the scenes, so that figures do not depend on the order in which they were measured."""
    return sorted(lines, key=lambda line: line.case)


def _row(method: str, lines: Sequence[Line]) -> CauseRow:
    maps = [line.masses for line in _in_order(lines) if line.masses is not None]
    word = _told([{who: {place: one[who][place].word for place in PLACES} for who in WHO} for one in maps])
    against = [told for one in maps if (told := _contrasts(one)) is not None]
    return CauseRow(
        method=method,
        name=name_of(method),
        scenes=len(maps),
        refused=len(lines) - len(maps),
        word=word,
        contrast=_told(against) if against else None,
    )


def _contrasts(maps: Mapping[str, Mapping[str, _Maps]]) -> dict[Who, dict[Place, _Mass]] | None:
    told: dict[Who, dict[Place, _Mass]] = {who: {} for who in WHO}
    for who in WHO:
        for place in PLACES:
            one = maps[who][place].contrast
            if one is None:
                return None
            told[who][place] = one
    return told


def _told(maps: Sequence[Mapping[Who, Mapping[Place, _Mass]]]) -> Told:
    def shares(who: Who, place: Place) -> Float[np.ndarray, "case"]:
        return np.array([one[who][place].share for one in maps], dtype=np.float64)

    def masses(who: Who) -> Float[np.ndarray, "case"]:
        return np.array([one[who]["truck"].mass for one in maps], dtype=np.float64)

    truck, house = (shares("looks", place) - shares("habit", place) for place in PLACES)
    return Told(
        looks=mean(shares("looks", "truck")),
        habit=mean(shares("habit", "truck")),
        truck=mean(truck),
        house=mean(house),
        beyond=mean(truck - house),
        auroc=auroc(shares("looks", "truck"), shares("habit", "truck")),
        auroc_mass=auroc(masses("looks"), masses("habit")),
    )


def _number(value: float) -> float:
    return value if np.isfinite(value) else -np.inf
