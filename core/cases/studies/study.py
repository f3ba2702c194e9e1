"""What a case study is: a claim, many scenes, and a rule that was written down before.

A single picture proves nothing: somebody chose it. So a study reads its claim on many held-out scenes, shows the first
of them in full (the *exhibits*, each an answer that any explorer can open), and judges by figures that stand beside
their controls. The rule belongs to the definition, and is told before anything is run.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import ClassVar, Generic, Literal, TypeVar

import numpy as np
from jaxtyping import Float

from ...answer import Answer, Explanation, Target
from ...statistics.estimate import Estimate
from ...street.batches import HELD_OUT_SEED
from ...street.recipe import SceneRecipe
from ...street.scene import Scene
from ...vlm.cancel import Cancelled, CancelToken
from ...vlm.model import VisionLanguageModel

Verdict = Literal["borne out", "not borne out", "undecided"]


@dataclass(frozen=True, eq=False)
class Example:
    """One answer of a study, to look at and to open in an explorer.

    `title` says which it is, `notes` what was found of it. `recipe` is the drawn scene it is about (None without a
    picture). `map` explains its target; `marked` are positions of image tokens to outline, each with its distance.
    """

    title: str
    answer: Answer
    target: Target
    recipe: SceneRecipe | None = None
    map: Explanation | None = None
    marked: Mapping[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


LEAST = 6
"""Readings that decide anything: of five, not even all on one side are rare (a sign test gives 1 in 16), and the
bootstrap of one has no width."""


def judged(found: Estimate, control: Estimate) -> Verdict:
    """Borne out where a figure lies above its control, intervals and all; undecided where it only is the larger one,
    and of fewer than `LEAST` readings."""
    if min(found.count, control.count) < LEAST:
        return "undecided"
    if found.above(control):
        return "borne out"
    return "undecided" if found.value > control.value else "not borne out"


def weakest(*verdicts: Verdict) -> Verdict:
    """The verdict of a rule with several conditions, all of which must hold."""
    order: tuple[Verdict, ...] = ("not borne out", "undecided", "borne out")
    return min(verdicts, key=order.index)


@dataclass(frozen=True)
class Measured:
    """One figure of a study: `what` was found of `subject`, and beside it the same of a `control`."""

    what: str
    subject: str
    found: Estimate
    control: str | None = None
    beside: Estimate | None = None


@dataclass(frozen=True, eq=False)
class HeadTable:
    """One figure for each head, such as how much it raises a word (nats)."""

    title: str
    values: Float[np.ndarray, "layer head"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a study: the verdict by its rule, the reason in figures, and all that it rests on.

    `scenes` were read, in `seconds`; `stopped` says that more were wanted.
    """

    verdict: Verdict
    because: str
    measured: tuple[Measured, ...]
    examples: tuple[Example, ...]
    heads: tuple[HeadTable, ...] = ()
    scenes: int = 0
    seconds: float = 0.0
    stopped: bool = False


Subject = TypeVar("Subject")
Read = TypeVar("Read")


class Study(ABC, Generic[Subject, Read]):
    """One case. `claim` is the published one and `source` says where; `asked` and `looked_at` say what is done, `rule`
    when the claim counts as borne out, `caveat` what that does not tell. `planted` is what is known of the embedded
    model's training that bears on it. `scenes` are read unless told otherwise, and `shown` says which of them the
    exhibits are of.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    claim: ClassVar[str]
    source: ClassVar[str]
    asked: ClassVar[str]
    looked_at: ClassVar[str]
    rule: ClassVar[str]
    caveat: ClassVar[str]
    planted: ClassVar[str]
    scenes: ClassVar[int] = 12
    shown: ClassVar[str] = "The first scene"
    compares_shares: ClassVar[bool] = False

    @abstractmethod
    def subjects(self) -> Iterator[Subject]:
        """What is looked at, one after another, always in the same order; as many as anybody may want."""

    @abstractmethod
    def read(self, model: VisionLanguageModel, subject: Subject, cancel: CancelToken | None) -> Read:
        """All readings of one subject. Raises Cancelled."""

    @abstractmethod
    def conclude(self, reads: Sequence[Read]) -> Outcome:
        """The verdict over at least one subject's readings; answers of the first ones are its exhibits."""

    def run(
        self,
        model: VisionLanguageModel,
        scenes: int | None = None,
        *,
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] = lambda done: None,
    ) -> Outcome:
        """The outcome over the first `scenes` subjects. Stopped, it is that of those read so far; Cancelled is raised
        where there are none."""
        wanted = self.scenes if scenes is None else scenes
        began = time.perf_counter()
        reads: list[Read] = []
        progress(0.0)
        for number, subject in enumerate(islice(self.subjects(), wanted)):
            try:
                reads.append(self.read(model, subject, cancel))
            except Cancelled:
                if not reads:
                    raise
                break
            progress((number + 1) / wanted)
        outcome = self.conclude(reads)
        seconds = time.perf_counter() - began
        return replace(outcome, scenes=len(reads), seconds=seconds, stopped=len(reads) < wanted)


def held_out(fits: Callable[[Scene], bool]) -> Iterator[SceneRecipe]:
    """The scenes that training never draws and that fit, in order of their seeds."""
    return (SceneRecipe(seed) for seed in count(HELD_OUT_SEED) if fits(SceneRecipe(seed).scene()))
