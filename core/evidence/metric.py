"""What a metric is: a figure about a map, which way it is better, where it comes from, and what it cannot tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float

from ..statistics.estimate import Unit
from .curves import Curve, Direction

ARROWS = {"higher": "↑", "lower": "↓"}
"""What stands beside a figure's name: which way is better."""


@dataclass(frozen=True)
class Figure:
    """`value` is the one number to quote; `details` are what it is made of, by name: that of each fill by the fill's
    own name, where hidden patches were filled."""

    value: float
    details: Mapping[str, float] = field(default_factory=dict)

    def under(self, fill: str) -> float:
        """The figure under one fill; of a metric that hides nothing its value."""
        return self.details.get(fill, self.value)


@dataclass(frozen=True, eq=False)
class Marked:
    """What the ground truth marks: the share of each patch's pixels, and whether the patch's centre is among them."""

    shares: Float[np.ndarray, "patch"]
    centres: Bool[np.ndarray, "patch"]


@dataclass(frozen=True, eq=False)
class MapUnderTest:
    """A map as metrics see it: its score of every patch, its curves, and what the ground truth marks, where there is
    one."""

    scores: Float[np.ndarray, "patch"]
    curves: tuple[Curve, ...]
    truth: Marked | None

    def of(self, direction: Direction) -> tuple[Curve, ...]:
        """The curves of one direction, one for each fill."""
        return tuple(curve for curve in self.curves if curve.direction == direction)

    @property
    def support(self) -> Float[np.ndarray, "patch"]:
        """The map's positive part: what speaks against a token is no place to find it at. A map without any, which
        points nowhere, counts as one that points everywhere alike."""
        positive = np.nan_to_num(self.scores, nan=0.0, posinf=0.0).clip(min=0)
        return positive if positive.any() else np.ones_like(positive)


class Metric(ABC):
    """The class docstring's first paragraph describes it on screen and names its paper. `key` names it in files, `name`
    on screen, `better` is the direction, `unit` that of the figure, `caveat` the one line on what it does not tell."""

    key: ClassVar[str]
    name: ClassVar[str]
    better: ClassVar[Literal["higher", "lower"]]
    caveat: ClassVar[str]
    unit: ClassVar[Unit] = "share"


class MapMetric(Metric):
    """A metric of one map. `needs_truth`: only where somebody knows, pixel by pixel, what should have been found."""

    needs_truth: ClassVar[bool] = False

    @abstractmethod
    def figure(self, tested: MapUnderTest) -> Figure:
        """The figure of one map; NaN where it is not defined, or was not reached before a stop."""
