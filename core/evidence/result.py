"""Evidence: what the tests of one map found, beside what they find of controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..answer import Target
from .curves import Curve
from .metric import Figure


@dataclass(frozen=True, eq=False)
class Result:
    """One map's curves, and its figure in each metric by key."""

    curves: tuple[Curve, ...]
    figures: Mapping[str, Figure]


@dataclass(frozen=True, eq=False)
class Evidence:
    """How far one explanation holds. `tested` is its own result, `random` those of several random orders, `centre` that
    of the middle of the picture.

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

    @property
    def full(self) -> float:
        """The target's probability with the whole picture."""
        return self.tested.curves[0].full

    @property
    def blank(self) -> dict[str, float]:
        """The target's probability without the picture, by fill."""
        return {curve.fill: curve.blank for curve in self.tested.curves}

    def chance(self, metric: str) -> float:
        """The mean figure of the random orders."""
        return float(np.mean([result.figures[metric].value for result in self.random]))
