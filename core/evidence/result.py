"""Evidence: what the tests of one map found, beside what they find of controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..answer import SceneFill, Target
from .curves import Curve, Direction
from .metric import Figure


@dataclass(frozen=True, eq=False)
class Result:
    """One map's curves, and its figure in each metric by key."""

    curves: tuple[Curve, ...]
    figures: Mapping[str, Figure]

    def curve(self, direction: Direction, fill: SceneFill) -> Curve:
        """One of the curves. Raises KeyError for one that there is not."""
        return {(one.direction, one.fill): one for one in self.curves}[direction, fill]


@dataclass(frozen=True, eq=False)
class Evidence:
    """How far one explanation holds. `tested` is its own result, `random` those of several random orders, `centre` that
    of the middle of the picture. `left` is, by fill, the target's probability once the share that verdicts quote is
    gone in each of many random orders, those of `random` first; `blind`, by metric, the figure that a map everywhere
    the same has, of those that need a ground truth.

    `full` and `blank` (by fill) are the target's probability with the whole picture and with none of it. `seconds` is
    the whole trial's, which read the pictures of `together` explanations; `complete` is below 1 when it was stopped:
    what it did not come to is NaN.
    """

    target: Target
    method: str
    tested: Result
    random: tuple[Result, ...]
    centre: Result
    settings: Mapping[str, object]
    seconds: float
    together: int
    complete: float
    left: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    blind: Mapping[str, float] = field(default_factory=dict)

    @property
    def full(self) -> float:
        """The target's probability with the whole picture."""
        return self.tested.curves[0].full

    @property
    def blank(self) -> dict[str, float]:
        """The target's probability without the picture, by fill."""
        return {curve.fill: curve.blank for curve in self.tested.curves}

    @property
    def fills(self) -> tuple[SceneFill, ...]:
        """What stood in the place of hidden patches, one after the other."""
        return tuple(dict.fromkeys(curve.fill for curve in self.tested.curves))

    @property
    def points(self) -> int:
        """How many points each curve has, and each area is over."""
        return len(self.tested.curves[0].counts)

    def chance(self, metric: str) -> float:
        """What a map gets that knows nothing: exactly, where it is a matter of place, or the mean of random orders."""
        if metric in self.blind:
            return self.blind[metric]
        return float(np.mean([result.figures[metric].value for result in self.random]))
