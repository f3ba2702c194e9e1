"""What the four metrics of taking away and bringing back read off the curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .curves import Curve
from .metric import Figure
from .ranking import ERASED


def areas(curves: Sequence[Curve]) -> Figure:
    """The mean area of the curves; beside it each one's, raw and normalised."""
    details: dict[str, float] = {curve.fill: curve.area for curve in curves}
    details |= {f"{curve.fill}, normalised": curve.normalised_area for curve in curves}
    return Figure(float(np.mean([curve.area for curve in curves])), details)


def losses(curves: Sequence[Curve]) -> Figure:
    """The mean of full less what is left at each share of `ERASED`; beside it that of each fill, and each one."""
    details = {f"{curve.fill}, {100 * share:g} %": curve.full - curve.at(share) for curve in curves for share in ERASED}
    value = float(np.mean(list(details.values())))
    of_fills: dict[str, float] = {
        curve.fill: float(np.mean([curve.full - curve.at(share) for share in ERASED])) for curve in curves
    }
    return Figure(value, {**of_fills, **details})
