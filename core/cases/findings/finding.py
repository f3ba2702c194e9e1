"""What a finding is: a claim, readings of many scenes, and a rule that was written down before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from jaxtyping import Float

from ...statistics import estimate
from ...statistics.estimate import Estimate, Unit
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel

Reading = dict[str, Any]
"""What was read of one scene, in plain values for a line of JSON."""

Axis = Literal["layer", "first layer of the window", "number of heads"]


@dataclass(frozen=True)
class Quantity:
    """One figure: `what` was measured, `of` which condition, and where it is of a series `at` which layer or number of
    heads, as `axis` says. `control`: it is what others are to be held against.
    """

    what: str
    of: str
    estimate: Estimate
    at: float | None = None
    axis: Axis | None = None
    control: bool = False


@dataclass(frozen=True)
class Conclusion:
    """What the readings say: whether the claim reproduces by its rule, the reason in figures, and all of them.

    `heads` are tables by layer and head, such as how much each raises a word (nats).
    """

    reproduces: bool
    because: str
    figures: tuple[Quantity, ...]
    heads: Mapping[str, list[list[float]]] = field(default_factory=dict)


Subject = TypeVar("Subject")
Reader = Callable[[Subject, CancelToken | None], Reading | None]


class Finding(ABC, Generic[Subject]):
    """One finding. `claim` is what was published in `paper`; `measured` says what is done here, `baseline` what stands
    beside it, `rule` when the claim counts as reproduced, `caveat` what that does not tell. `settings` are the numbers
    that decide the readings: runs with others are never mixed.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    claim: ClassVar[str]
    paper: ClassVar[str]
    measured: ClassVar[str]
    baseline: ClassVar[str]
    rule: ClassVar[str]
    caveat: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def subjects(self, scenes: int) -> Iterator[tuple[str, Subject]]:
        """The first `scenes` subjects under their names, always the same ones in the same order."""

    @abstractmethod
    def reader(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Reader[Subject]:
        """What reads a subject; None for one whose answer is of no use, as it is wrong. Raises NotApplicable or
        ModelUnavailable where this model has nothing to be read, and Cancelled, as the reader does."""

    @abstractmethod
    def conclude(self, readings: Sequence[Reading]) -> Conclusion:
        """The verdict over at least one reading."""


def column(readings: Sequence[Reading], *path: str) -> Float[np.ndarray, "case *shape"]:
    """One value, or list of values, of every reading; None is NaN."""
    found = []
    for reading in readings:
        value: Any = reading
        for key in path:
            value = value[key]
        found.append(value)
    return np.array(found, dtype=np.float64)


def quantity(
    what: str,
    of: str,
    found: Estimate,
    unit: Unit | None = None,
    *,
    at: float | None = None,
    axis: Axis | None = None,
    control: bool = False,
) -> Quantity:
    """A sampled figure."""
    return Quantity(what, of, found if unit is None else replace(found, unit=unit), at, axis, control)


def computed(what: str, of: str, value: float, unit: Unit, *, control: bool = False) -> Quantity:
    """A figure that follows from others, with no interval."""
    return Quantity(what, of, estimate.computed(value, unit), control=control)


def unmet(conditions: Mapping[str, bool]) -> str:
    """Which conditions of a rule do not hold, as a sentence that goes on; nothing where all do."""
    failed = [name for name, holds in conditions.items() if not holds]
    return f" Not met: {'; '.join(failed)}." if failed else ""
