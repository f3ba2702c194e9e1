"""A metric's figure of a map beside what chance and the middle of the picture give: a row of every table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..answer import SceneFill
from .location import Location
from .registry import map_metrics
from .result import Evidence


@dataclass(frozen=True)
class Beside:
    """`tested` is the map's figure, `centre` that of the middle of the picture. `chance` is what a map gets that knows
    nothing: the mean over `draws` random orders, from `low` to `high`; or, of a metric of places (no draws), exactly
    the figure of a map that is everywhere the same. What follows of it is said by `verdict` alone: a handful of orders
    decides nothing."""

    tested: float
    chance: float
    low: float
    high: float
    draws: int
    centre: float


def figures_beside(evidence: Evidence, fill: SceneFill) -> dict[str, Beside]:
    """By metric, under a fill."""
    rows: dict[str, Beside] = {}
    for key in (key for key in map_metrics() if key in evidence.tested.figures):
        tested, centre = (one.figures[key].under(fill) for one in (evidence.tested, evidence.centre))
        random = [one.figures[key].under(fill) for one in evidence.random]
        if key in evidence.blind:
            rows[key] = _exact(tested, evidence.blind[key], centre)
        else:
            rows[key] = Beside(tested, float(np.mean(random)), min(random), max(random), len(random), centre)
    return rows


def places_beside(place: Location) -> dict[str, Beside]:
    """By metric, of a map that was held against the right place alone."""
    return {
        key: _exact(figure.value, place.blind[key].value, place.centre[key].value)
        for key, figure in place.tested.items()
    }


def _exact(tested: float, chance: float, centre: float) -> Beside:
    return Beside(tested, chance, chance, chance, 0, centre)
