"""What testing a map over words, patches and both found, beside what it finds of random orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from ..answer import Target
from .curves import Direction
from .synergy import Synergy

Over = Literal["words", "patches", "both"]
OVER: tuple[Over, ...] = get_args(Over)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


@dataclass(frozen=True, eq=False)
class ModalityCurve:
    """`values[i]`: the target's probability (of several tokens the geometric mean) with the first `counts[i]` of
    `things` words, patches or both erased (deletion) or all but these (insertion). NaN where a stopped test did not
    come to."""

    over: Over
    direction: Direction
    things: int
    counts: tuple[int, ...]
    values: Float[np.ndarray, "point"]

    @property
    def shares(self) -> Float[np.ndarray, "point"]:
        """The share of words, patches or both at each point."""
        return np.array(self.counts) / self.things

    @property
    def area(self) -> float:
        """The area under the curve, by the trapezoid rule."""
        return float(np.trapezoid(self.values, self.shares))


Curves = tuple[ModalityCurve, ...]


@dataclass(frozen=True, eq=False)
class ModalityEvidence:
    """How far a map holds over words, patches and both: `tested` are its curves, `random` those of each random order.
    Of a map that scores no word of the question there are those over patches alone. `words` are the question's, in
    order. `complete` is below 1 when it was stopped."""

    target: Target
    method: str
    words: tuple[str, ...]
    patches: int
    tested: Curves
    random: tuple[Curves, ...]
    synergy: Synergy
    settings: Mapping[str, object]
    seconds: float
    complete: float

    @property
    def over(self) -> tuple[Over, ...]:
        """What it was tested over."""
        return tuple(dict.fromkeys(curve.over for curve in self.tested))

    def curve(self, over: Over, direction: Direction) -> ModalityCurve:
        """One of the map's curves. Raises KeyError for one that there is not."""
        return _curve(self.tested, over, direction)

    def chance(self, over: Over, direction: Direction) -> Float[np.ndarray, "draw point"]:
        """The values of every random order."""
        return np.stack([_curve(one, over, direction).values for one in self.random])

    def areas(self, over: Over, direction: Direction) -> list[float]:
        """The area of every random order."""
        return [_curve(one, over, direction).area for one in self.random]


def _curve(curves: Curves, over: Over, direction: Direction) -> ModalityCurve:
    return {(one.over, one.direction): one for one in curves}[over, direction]
