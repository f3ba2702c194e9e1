"""What a claim is: a published statement, how it is measured, and a rule that was written down before.

A single picture proves nothing: somebody chose it. So a claim is measured on many held-out scenes, shows the first of
them in full (its *examples*, answers that any explorer can open), and is judged by figures that stand beside their
controls. The rule belongs to the definition, and is told before anything is run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from ..answer import Answer, Explanation, Target
from ..street.recipe import SceneRecipe
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .figures import Figure, Measurement
from .verdict import Verdict

HeadTable = list[list[float]]
"""One figure for each layer and head."""


@dataclass(frozen=True, eq=False)
class Example:
    """One answer that was measured, to look at and to open in an explorer.

    `title` says which it is, `notes` what was measured of it. `recipe` is the drawn scene it is about (None without a
    picture). `map` explains its target; `marked` are positions of image tokens to outline, each with its distance.
    """

    title: str
    answer: Answer
    target: Target
    recipe: SceneRecipe | None = None
    map: Explanation | None = None
    marked: Mapping[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Sample:
    """One scene, measured. `values` None: its answer is of no use, as it is wrong; the examples show it all the
    same."""

    values: Measurement | None
    examples: tuple[Example, ...]


@dataclass(frozen=True, eq=False)
class Conclusion:
    """What the measurements say: each condition of the rule by name with what became of it, the reason in figures, and
    all of them. `heads` are tables by layer and head, such as how much each raises a word (nats)."""

    conditions: Mapping[str, Verdict]
    because: str
    figures: tuple[Figure, ...]
    heads: Mapping[str, HeadTable] = field(default_factory=dict)


Subject = TypeVar("Subject")
Measure = Callable[[Subject, CancelToken | None], Sample]


class Claim(ABC, Generic[Subject]):
    """One claim, in its own file. Its first paragraph here says what is looked at.

    `name` is its title, `says` the claim in words, `paper` who made it and where, `link` its address. `measured` says
    what is done, `control` what stands beside it, `rule` when the claim counts as reproduced, `caveat` what that does
    not tell, `planted` what is known of the embedded model's training that bears on it. `settings` are the numbers that
    decide the measurements: those made with others are never mixed with them. `scenes` are measured on a page unless
    told otherwise; the examples are those of the first `shown`. `order` is its place among the claims, `former_keys`
    are names that it was known by. `compares_shares`: the examples are held against each other by what their maps have
    on the picture and on the text. `beside_twin`: what was planted for it, the honest twin has not learnt.
    """

    key: ClassVar[str]
    name: ClassVar[str]
    says: ClassVar[str]
    paper: ClassVar[str]
    link: ClassVar[str]
    measured: ClassVar[str]
    control: ClassVar[str]
    rule: ClassVar[str]
    caveat: ClassVar[str]
    planted: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Any]] = {}
    scenes: ClassVar[int] = 12
    shown: ClassVar[int] = 1
    order: ClassVar[float] = 1000
    former_keys: ClassVar[tuple[str, ...]] = ()
    compares_shares: ClassVar[bool] = False
    beside_twin: ClassVar[bool] = False

    @abstractmethod
    def subjects(self) -> Iterator[tuple[str, Subject]]:
        """What is measured, one after another under its name: always the same in the same order, as many as anybody
        may want."""

    @abstractmethod
    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[Subject]:
        """What measures a subject, made once for a run. Raises NotApplicable or ModelUnavailable where this model has
        nothing to be measured, and Cancelled, as does what it returns."""

    @abstractmethod
    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        """What at least one measurement says."""

    def definition(self) -> dict[str, Any]:
        """All that it says of itself, as plain values: what a file of results keeps beside them."""
        names = ("key", "name", "says", "paper", "link", "measured", "control", "rule", "caveat", "planted", "settings")
        return {name: getattr(self, name) for name in names}
