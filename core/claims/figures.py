"""The figures that a claim is judged by, each marked where it is a control."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ..statistics.estimate import Estimate

Measurement = Mapping[str, Any]
"""What was measured of one scene, in plain values for a line of JSON; None is what it does not have."""
Axis = Literal["layer", "first layer of the window", "number of heads"]


@dataclass(frozen=True)
class Figure:
    """One figure: `what` was measured, `of` which condition, and where it is of a series `at` which layer or number of
    heads, as `axis` says. `control`: it is what others are to be held against."""

    what: str
    of: str
    estimate: Estimate
    at: float | None = None
    axis: Axis | None = None
    control: bool = False

    def record(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def beside(what: str, figures: Mapping[str, Estimate], controls: Mapping[str, Estimate]) -> tuple[Figure, ...]:
    """The same measured of several conditions, and of the controls that they are held against."""
    return (
        *(Figure(what, of, estimate) for of, estimate in figures.items()),
        *(Figure(what, of, estimate, control=True) for of, estimate in controls.items()),
    )


def column(measurements: Sequence[Measurement], *path: str) -> Float[np.ndarray, "case *shape"]:
    """One value, or table of values, of every measurement; None is NaN."""
    values = []
    for measurement in measurements:
        value: Any = measurement
        for key in path:
            value = value[key]
        values.append(value)
    return np.array(values, dtype=np.float64)


def flags(measurements: Sequence[Measurement], *path: str) -> list[bool]:
    """One yes or no of every measurement."""
    return [bool(value) for value in column(measurements, *path)]


def number(value: float) -> float | None:
    """For a measurement: None where it is no number."""
    return None if math.isnan(value) else float(value)
