"""Deletion and insertion curves: the target's probability as patches go, or come, in the order of a map. Of a target of
several tokens it is their geometric mean (`Prediction.per_token`), so that long and short targets have one scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ..answer import SceneFill
from ..perturb.perturbation import HiddenPatches
from ..perturb.prediction import Prediction
from ..vlm.targets import TokenTarget
from .ranking import QUOTED, top

Direction = Literal["deletion", "insertion"]
Readings = Mapping[HiddenPatches, Prediction]
"""What the model predicted with some patches hidden; what a stopped test did not come to is missing."""

Order = Int[np.ndarray, "patch"]
"""Patches, the first to be taken first."""

FULL = HiddenPatches(frozenset())
"""Nothing is hidden."""

LEAST_EFFECT = 0.01
"""A picture whose whole removal moves the probability by less has no scale to normalise by."""


@dataclass(frozen=True, eq=False)
class Curve:
    """`values[i]`: the target's probability with the first `counts[i]` of `patches` replaced (deletion) or alone shown
    (insertion); both ends included. NaN where a stopped test did not come to. `full` and `blank` are the probability
    with the whole picture and with none of it."""

    direction: Direction
    fill: SceneFill
    patches: int
    counts: tuple[int, ...]
    values: Float[np.ndarray, "point"]
    full: float
    blank: float

    @property
    def shares(self) -> Float[np.ndarray, "point"]:
        """The share of patches at each point."""
        return np.array(self.counts) / self.patches

    @property
    def area(self) -> float:
        """The area under the curve, by the trapezoid rule."""
        return float(np.trapezoid(self.values, self.shares))

    @property
    def normalised_area(self) -> float:
        """The area with the whole picture's probability as 1 and the empty one's as 0; NaN where the two are less than
        `LEAST_EFFECT` apart. (A curve may leave that range.)"""
        scale = self.full - self.blank
        return (self.area - self.blank) / scale if abs(scale) >= LEAST_EFFECT else float("nan")

    def at(self, share: float) -> float:
        """The probability at a share of the patches that is one of its points. Raises ValueError for any other."""
        return float(self.values[self.counts.index(top(self.patches, share))])


def blank(fill: SceneFill) -> HiddenPatches:
    """Nothing of the pictures is left, also not what no patch holds."""
    return HiddenPatches(frozenset(), fill, shown=True)


def variants(
    orders: Sequence[Order],
    draws: Sequence[Order],
    places: Sequence[int],
    counts: Sequence[int],
    fills: Sequence[SceneFill],
    tiled: bool,
) -> Iterator[HiddenPatches]:
    """What the curves of some orders need, and the verdict on them, what is told first, first: the whole picture and
    the empty ones; what verdicts rest on, of every order and of further random `draws`, fill by fill; then each point
    for all orders, before the next point. So a test that is stopped has maps and controls to compare."""
    yield FULL
    yield from (blank(fill) for fill in fills)
    for fill in fills:
        yield from (quoted(fill, order, places) for order in (*orders, *draws))
    directions: tuple[Direction, ...] = ("deletion", "insertion")
    for fill, direction, count in product(fills, directions, counts):
        yield from (variant(direction, fill, order, places, count, tiled) for order in orders)


def variant(
    direction: Direction, fill: SceneFill, order: Order, places: Sequence[int], count: int, tiled: bool = False
) -> HiddenPatches:
    """One point of a curve. All patches are everything, and none of them nothing. Where the patches are `tiled` (leave
    no pixel out) those alone shown are the others hidden, so that an order and its reverse share their pictures."""
    if count == len(places):
        return blank(fill) if direction == "deletion" else FULL
    if not count:
        return FULL if direction == "deletion" else blank(fill)
    if direction == "insertion" and tiled:
        return HiddenPatches(frozenset(places[index] for index in order[count:]), fill)
    return HiddenPatches(frozenset(places[index] for index in order[:count]), fill, direction == "insertion")


def curves(
    readings: Readings,
    token_targets: Sequence[TokenTarget],
    order: Order,
    places: Sequence[int],
    counts: tuple[int, ...],
    fills: Sequence[SceneFill],
    tiled: bool,
) -> tuple[Curve, ...]:
    """The curves of one order for one target, from what was read (Petsiuk et al. 2018)."""

    def probability(point: HiddenPatches) -> float:
        return probability_of(readings, token_targets, point)

    full, empty = probability(FULL), {fill: probability(blank(fill)) for fill in fills}
    drawn = []
    for fill in fills:
        for direction in ("deletion", "insertion"):
            points = [variant(direction, fill, order, places, count, tiled) for count in counts]
            values = np.array([probability(point) for point in points])
            drawn.append(Curve(direction, fill, len(places), counts, values, full, empty[fill]))
    return tuple(drawn)


def quoted(fill: SceneFill, order: Order, places: Sequence[int]) -> HiddenPatches:
    """The point that verdicts rest on."""
    return variant("deletion", fill, order, places, top(len(places), QUOTED))


def left(
    readings: Readings,
    token_targets: Sequence[TokenTarget],
    draws: Sequence[Order],
    places: Sequence[int],
    fills: Sequence[SceneFill],
) -> dict[str, tuple[float, ...]]:
    """By fill, the target's probability once the share that verdicts quote is gone in each of some orders; NaN for what
    a stopped test did not come to."""
    points = {fill: [quoted(fill, order, places) for order in draws] for fill in fills}
    return {
        fill: tuple(probability_of(readings, token_targets, point) for point in of_fill)
        for fill, of_fill in points.items()
    }


def probability_of(readings: Readings, token_targets: Sequence[TokenTarget], point: HiddenPatches) -> float:
    """The target's probability per token, for a contrast that of its tokens rather than their rivals; NaN where it was
    not read."""
    return readings[point].of(token_targets).per_token if point in readings else float("nan")
