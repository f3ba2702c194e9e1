"""Deletion and insertion curves: the target's probability as patches go, or come, in the order of a map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..answer import Fill, Target
from .masked_runs import FULL, Direction, MaskedRuns, Variant, blank
from .ranking import top

LEAST_EFFECT = 0.01
"""A picture whose whole removal moves the probability by less has no scale to normalise by."""


@dataclass(frozen=True, eq=False)
class Curve:
    """`values[i]`: the target's probability with the first `counts[i]` of `patches` replaced (deletion) or alone shown
    (insertion); both ends included. NaN where a stopped test did not come to. `full` and `blank` are the probability
    with the whole picture and with none of it."""

    direction: Direction
    fill: Fill
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


def variants(
    order: Int[np.ndarray, "patch"], places: Sequence[int], counts: Sequence[int], fills: Sequence[Fill]
) -> Iterator[Variant]:
    """What the curves of one order need, beside the ends: what is shown first, first."""
    for fill in fills:
        for direction in ("deletion", "insertion"):
            yield from (variant(direction, fill, order, places, count) for count in counts)


def variant(
    direction: Direction, fill: Fill, order: Int[np.ndarray, "patch"], places: Sequence[int], count: int
) -> Variant:
    """One point of a curve. All patches are everything, and none of them nothing."""
    if count == len(places):
        return blank(fill) if direction == "deletion" else FULL
    if not count:
        return FULL if direction == "deletion" else blank(fill)
    return Variant(direction, fill, frozenset(places[index] for index in order[:count]))


def curves(
    readings: MaskedRuns,
    target: Target,
    order: Int[np.ndarray, "patch"],
    places: Sequence[int],
    counts: tuple[int, ...],
    fills: Sequence[Fill],
) -> tuple[Curve, ...]:
    """The curves of one order for one target, from what was read (Petsiuk et al. 2018)."""
    full = readings.probability(target, FULL)
    empty: Mapping[Fill, float] = {fill: readings.probability(target, blank(fill)) for fill in fills}
    found = []
    for fill in fills:
        for direction in ("deletion", "insertion"):
            points = [variant(direction, fill, order, places, count) for count in counts]
            values = np.array([readings.probability(target, point) for point in points])
            found.append(Curve(direction, fill, len(places), counts, values, full, empty[fill]))
    return tuple(found)
