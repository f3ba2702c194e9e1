"""What probes say of one label, beside what the model says: plain values, as a summary keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...probes.probe import Cell, probe
from ...probes.states import PLACES, Where
from ...statistics.clustered import mean_over_groups
from ...statistics.estimate import Estimate
from ...typed import typed
from ..journal import Record
from .kept_states import KeptStates


@dataclass(frozen=True)
class Line:
    """One case: its label, its picture and wording, whether the model's answer is right (None where nobody knows), and
    where its states are; or the `problem` that kept it from being measured. `key` is a hash of what decides these, and
    `expected` the right answer ("" where nobody knows it)."""

    case: str
    key: str
    label: str = ""
    picture: str = ""
    wording: str = ""
    said: str = ""
    right: bool | None = None
    row: int | None = None
    expected: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class PlaceFigures:
    """What the best layer of a place tells, chosen for each half of the pictures by the other half. `over_answers` is
    by how much more often the probe is right than the model's own answer, case by case; None where the label does not
    decide the answer. `shuffled` is the highest accuracy that shuffled labels reach in the same way."""

    place: str
    layers: tuple[int, ...]
    accuracy: Estimate
    selectivity: Estimate
    shuffled: float
    over_answers: Estimate | None


@dataclass(frozen=True)
class Knowing:
    """Probes of `label` over the states `where` (see `core.probes.states`) of a model (`model` is its fingerprint) on
    cases of `of`. `values` counts the cases of each value; `cases` were asked for, `used` have their states, of
    `pictures` pictures. `right` is how often the model answers right; None where that is not known."""

    model: str
    model_name: str
    of: str
    label: str
    where: Where
    values: Mapping[str, int]
    cases: int
    used: int
    pictures: int
    base_rate: float
    right: Estimate | None
    cells: tuple[Cell, ...]
    places: tuple[PlaceFigures, ...]


@dataclass(frozen=True)
class Subject:
    """Of what the lines are: see `Knowing`. `decides`: who knows label and question knows the right answer."""

    model: str
    model_name: str
    of: str
    label: str
    where: Where
    decides: bool


def read_line(record: Record) -> Line:
    """A line of the journal. Raises ValueError for one that is none of a probe."""
    return typed(Line, record)


def knowing(
    subject: Subject,
    lines: Sequence[Line],
    states: KeptStates,
    layers: int,
    cases: int,
    progress: Callable[[float], None] = lambda done: None,
) -> Knowing:
    """The figures of the measured cases. `progress` may raise to stop. Raises NotApplicable where they are too few."""
    used = [line for line in lines if line.row is not None]
    rows = [line.row for line in used if line.row is not None]
    values = sorted({line.label for line in used})
    labels = np.array([values.index(line.label) for line in used], dtype=np.int64)
    every = {picture: number for number, picture in enumerate(dict.fromkeys(line.picture for line in used))}
    pictures = np.array([every[line.picture] for line in used], dtype=np.int64)
    probed = probe(
        lambda layer, place: states.column(rows, layer, PLACES.index(place)),
        layers,
        PLACES,
        labels,
        pictures,
        [line.wording for line in used],
        progress=progress,
    )
    known = subject.decides and all(line.right is not None for line in used)
    answers = np.array([bool(line.right) for line in used], dtype=float)
    return Knowing(
        model=subject.model,
        model_name=subject.model_name,
        of=subject.of,
        label=subject.label,
        where=subject.where,
        values={value: int((labels == number).sum()) for number, value in enumerate(values)},
        cases=cases,
        used=len(used),
        pictures=len(every),
        base_rate=probed.base_rate,
        right=mean_over_groups(answers, pictures) if known else None,
        cells=probed.cells,
        places=tuple(
            PlaceFigures(
                place=one.place,
                layers=one.layers,
                accuracy=one.accuracy,
                selectivity=one.selectivity,
                shuffled=one.shuffled,
                over_answers=mean_over_groups(one.hits - answers, pictures) if known else None,
            )
            for one in probed.best
        ),
    )
