"""What the lines say of each method: how near its mass per thing is to the things' true effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from jaxtyping import Float

from ...explainers.controls import CentreBias, Random
from ...explainers.registry import explainers
from ...statistics.bootstrap import mean
from ...statistics.estimate import Estimate, Unit
from ...statistics.linear_correlation import pearson
from ...statistics.proportion import share
from ...statistics.rank_correlation import spearman
from ...street.redraw import Redraw
from ...typed import typed
from ..journal import Record
from ..score_case import name_of

EVEN = "even"
"""The control that is everywhere the same: its mass on a thing is the share of the picture that the thing covers."""
EVEN_NAME = "Control: everywhere the same"
RANDOM, CENTRE = Random.key, CentreBias.key
CONTROLS = (RANDOM, CENTRE, EVEN)
WAYS: tuple[Redraw, ...] = get_args(Redraw)

MATTERS = 0.05
"""Nats. Where no thing has as large an effect there is nothing to find, and the sign of a smaller one is not asked."""
LEAST = 0.01
"""Nats. Smaller effects count as none, and equal each other: their order is that of rounding."""
FEWEST = 3
"""Things between which a correlation is taken: two have always one of 1 or -1."""

Values = Float[np.ndarray, "thing"]


@dataclass(frozen=True)
class Near:
    """How near a method's masses are to the true effects of one way to redraw, over cases in which some thing has an
    effect of `MATTERS` nats or more.

    `rank` and `linear`: Spearman's and Pearson's correlation of the mass with the effect, both without their signs, in
    each case of `FEWEST` things or more; effects below `LEAST` nats are equal. `found`: the share of cases in which the
    thing of the greatest mass is that of the greatest effect. `sign`: of the things with an effect of `MATTERS` nats,
    the share whose mass has its sign (None for methods whose scores have no sign). `over` are `rank` and `found` less
    those of each control in the same case.
    """

    rank: Estimate
    linear: Estimate
    found: Estimate
    sign: Estimate | None
    over: Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class EffectRow:
    """One method. `near` is by the way things are redrawn; `refused` counts the cases that it could not explain."""

    method: str
    name: str
    control: bool
    cases: int
    refused: int
    near: Mapping[str, Near]


@dataclass(frozen=True)
class TrueEffects:
    """How near methods are to the true effects, in the order of `rank` for things taken out, controls last.

    Of `cases` that were asked, `used` were answered rightly and show two things or more. By the way things are redrawn:
    `largest` is the greatest effect in a case (nats), `most_rank` the rank correlation of masses in exactly the order
    of the effects, which is below 1 where several things have none, `chance` how often a thing that is chosen at random
    is the most important one, and `speaks_for` the share of things with an effect that speak for the answer: the sign
    agreement of a method to which everything does. `by_family` counts the cases used.
    """

    model: str
    model_name: str
    cases: int
    used: int
    by_family: Mapping[str, int]
    largest: Mapping[str, Estimate]
    most_rank: Mapping[str, Estimate]
    chance: Mapping[str, Estimate]
    speaks_for: Mapping[str, Estimate]
    ranking: tuple[EffectRow, ...]


@dataclass(frozen=True)
class Line:
    """What is read of a line of the journal: of a case (method None), or of a method in a case."""

    case: str
    family: str
    method: str | None
    things: tuple[str, ...] = ()
    pixels: tuple[int, ...] = ()
    effects: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    masses: tuple[tuple[float, ...], ...] = ()
    problem: str | None = None


def read_line(record: Record) -> Line:
    """A line of the journal. Raises ValueError for one that is none of true effects."""
    line = typed(Line, record)
    if line.method is None and line.problem is None:
        lengths = {len(line.effects.get(way, ())) for way in WAYS} | {len(line.pixels)}
        if lengths != {len(line.things)}:
            raise ValueError("it does not tell the effect of every thing")
    return line


def true_effects_of(model: str, model_name: str, lines: Sequence[Line]) -> TrueEffects:
    """The figures of a journal's lines, of the model of this fingerprint and name. The last line of a case and method
    counts."""
    last = sorted({(line.case, line.method): line for line in lines}.values(), key=lambda line: line.case)
    asked = {line.case: line for line in last if line.method is None}
    used = {case: line for case, line in asked.items() if line.problem is None}
    effects = {way: {case: _effects(line, way) for case, line in used.items()} for way in WAYS}
    methods: dict[str, dict[str, Line]] = {}
    for line in last:
        if line.method is not None and line.case in used:
            methods.setdefault(line.method, {})[line.case] = line
    masses = {
        method: {case: [np.array(one) for one in line.masses] for case, line in own.items() if line.masses}
        for method, own in methods.items()
    }
    masses[EVEN] = {case: [np.array(line.pixels, dtype=float)] for case, line in used.items()}
    controls = {key: masses[key] for key in CONTROLS if key in masses}
    rows = [
        EffectRow(
            method=method,
            name=EVEN_NAME if method == EVEN else name_of(method),
            control=method in CONTROLS,
            cases=len(own),
            refused=len(methods.get(method, own)) - len(own),
            near={way: _near(method, own, controls, effects[way]) for way in WAYS},
        )
        for method, own in masses.items()
    ]
    families = [line.family for line in used.values()]
    return TrueEffects(
        model=model,
        model_name=model_name,
        cases=len(asked),
        used=len(used),
        by_family={family: families.count(family) for family in dict.fromkeys(families)},
        largest={way: mean([_largest(one) for one in effects[way].values()], "nats") for way in WAYS},
        most_rank={way: mean([most_rank(one) for one in effects[way].values()], "correlation") for way in WAYS},
        chance={way: mean([chance(one) for one in effects[way].values()]) for way in WAYS},
        speaks_for={way: mean([sign(np.ones(len(one)), one) for one in effects[way].values()]) for way in WAYS},
        ranking=tuple(sorted(rows, key=lambda row: (row.control, -_number(row.near["out"].rank.value)))),
    )


def rank(masses: Values, effects: Values) -> float:
    """Spearman's correlation of masses and effects without their signs; NaN of fewer than `FEWEST` known things, and
    where none matters or all are the same."""
    return _correlation(spearman, masses, effects)


def most_rank(effects: Values) -> float:
    """The rank correlation of masses that stand in the order of the effects, no two alike."""
    sizes = np.where(np.isfinite(effects), _sizes(effects), -1.0)
    order = np.empty(len(effects))
    order[np.argsort(sizes)] = np.arange(len(effects))
    return rank(order, effects)


def linear(masses: Values, effects: Values) -> float:
    """Pearson's, in the same cases."""
    return _correlation(pearson, masses, effects)


def found(masses: Values, effects: Values) -> float:
    """1 where the thing of the greatest mass has the greatest effect, 0 where another one has, and the share of the
    things with the greatest mass where several have; NaN where fewer than two are known, or none matters."""
    masses, effects = _known(masses, effects)
    if len(effects) < 2 or _largest(effects) < MATTERS:
        return float("nan")
    sizes = np.abs(masses)
    first = np.flatnonzero(sizes == sizes.max())
    return float(np.isin(first, np.flatnonzero(np.abs(effects) == _largest(effects))).mean())


def chance(effects: Values) -> float:
    """What `found` is on average for masses that are drawn at random."""
    known = effects[np.isfinite(effects)]
    if len(known) < 2 or _largest(known) < MATTERS:
        return float("nan")
    return float((np.abs(known) == _largest(known)).mean())


def sign(masses: Values, effects: Values) -> float:
    """Of the things with an effect of `MATTERS` nats or more, the share whose mass has the same sign; no mass has none.
    NaN where there is no such thing."""
    masses, effects = _known(masses, effects)
    mattering = np.abs(effects) >= MATTERS
    return float((np.sign(masses) == np.sign(effects))[mattering].mean()) if mattering.any() else float("nan")


def _correlation(of: Callable[[Values, Values], Values], masses: Values, effects: Values) -> float:
    masses, effects = _known(masses, effects)
    if len(effects) < FEWEST or _largest(effects) < MATTERS:
        return float("nan")
    return float(of(np.abs(masses), _sizes(effects)))


def _sizes(effects: Values) -> Values:
    sizes = np.abs(effects)
    return np.where(sizes < LEAST, 0.0, sizes)


def _known(masses: Values, effects: Values) -> tuple[Values, Values]:
    known = np.isfinite(effects)
    return masses[known], effects[known]


def _largest(effects: Values) -> float:
    known = np.abs(effects[np.isfinite(effects)])
    return float(known.max()) if len(known) else float("nan")


def _effects(line: Line, way: str) -> Values:
    return np.array([np.nan if effect is None else effect for effect in line.effects[way]], dtype=float)


Masses = Mapping[str, Sequence[Values]]
"""By case, the masses of each map of a method."""


def _near(method: str, own: Masses, controls: Mapping[str, Masses], effects: Mapping[str, Values]) -> Near:
    def figures(of: Callable[[Values, Values], float], masses: Masses) -> dict[str, float]:
        return {case: float(np.mean([of(one, effects[case]) for one in each])) for case, each in masses.items()}

    def estimate(of: Callable[[Values, Values], float], unit: Unit) -> Estimate:
        return mean(figures(of, own).values(), unit)

    def over(control: Masses, of: Callable[[Values, Values], float], unit: Unit) -> Estimate:
        ours, theirs = figures(of, own), figures(of, control)
        return mean([ours[case] - theirs[case] for case in ours if case in theirs], unit)

    signed = method in explainers() and explainers()[method].signed
    return Near(
        rank=estimate(rank, "correlation"),
        linear=estimate(linear, "correlation"),
        found=_hits(figures(found, own).values()),
        sign=estimate(sign, "share") if signed else None,
        over={
            key: {"rank": over(control, rank, "correlation"), "found": over(control, found, "share")}
            for key, control in controls.items()
            if key != method
        },
    )


def _hits(values: Iterable[float]) -> Estimate:
    """The mean; of hits and misses alone with Wilson's interval, which has a width where all are hits."""
    known = [value for value in values if not np.isnan(value)]
    return share(value == 1 for value in known) if set(known) <= {0.0, 1.0} and known else mean(known)


def _number(value: float) -> float:
    return value if np.isfinite(value) else -np.inf
