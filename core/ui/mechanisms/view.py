"""What the Mechanisms page shows, kept when the page is left; and everything it took time to find out.

Results are kept by what they are of: answer, target and settings. So none is computed twice, and none is shown for
another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ...answer import Head
from ...charts.curves import WindowPoint
from ...mechanisms.ablation import AblationCurves
from ...mechanisms.attribution import Attribution
from ...mechanisms.contributions import Contributions
from ...mechanisms.lens import Reading
from ...mechanisms.run import Measurement
from ...mechanisms.tracing import Trace
from ...mechanisms.vocabulary import HeadReading
from ...perturb.reask import Reasked
from ...runs import kinds as runs
from ...runs.kinds import (
    ABLATION,
    ATTRIBUTION,
    HEAD_READING,
    MEASUREMENT,
    READING,
    SOURCE_INCREASES,
    TRACE,
    RunKind,
)
from ..jobs.page import PageView
from ..state.results import Kept, Kind

FIRST_LENS = "head_contributions"
"""The key of the mechanism that a first visit sees."""


@dataclass(frozen=True, eq=False)
class Written:
    """What the heads write for some token targets: all their contributions, and the log-probability increase of each
    head (nats, the mean over token targets)."""

    contributions: Contributions
    increases: Float[np.ndarray, "layers heads"]
    seconds: float


@dataclass(frozen=True, eq=False)
class Taken:
    """What one head takes from every position: each one's log-probability increase alone (nats, the mean over
    token targets)."""

    increases: Float[Tensor, "position"]
    seconds: float


@dataclass(frozen=True, eq=False)
class Read:
    """A reading of states in the vocabulary."""

    reading: Reading
    seconds: float


@dataclass(frozen=True, eq=False)
class Curve:
    """What one cut does to a target in every window of layers, the target's log-probability (nats) without it, and its
    probability with it."""

    points: tuple[WindowPoint, ...]
    before: float
    probabilities: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class Traced:
    """A trace, as far as it was done."""

    trace: Trace
    seconds: float


WRITTEN = Kind[Written](2)
ATTRIBUTIONS = Kind[Attribution](50, run=Kept(ATTRIBUTION))
TAKEN = Kind[Taken](500, run=Kept(SOURCE_INCREASES, lambda taken: (taken.increases, taken.seconds), Taken))
HEAD_READINGS = Kind[HeadReading](500, run=Kept(HEAD_READING))
READ = Kind[Read](100, run=Kept(READING, lambda read: (read.reading, read.seconds), Read))
CURVES = Kind[Curve](300, run=Kept(RunKind("cut_curve", Curve)))
REASKED = Kind[Reasked](100, run=Kept(runs.REASKED))
RANKED = Kind[AblationCurves](100, run=Kept(ABLATION))
TRACES = Kind[Traced](50, run=Kept(TRACE, lambda traced: (traced.trace, traced.seconds), Traced))
MEASURED = Kind[Measurement](50, run=Kept(MEASUREMENT))


@dataclass(eq=False)
class MechanismsView(PageView):
    """What is chosen on the page.

    `lens` is the key of a mechanism, or of the findings. `head` None is the first of the ranking; `cut` is the name of
    a cut and its first layer; `ablated` are the heads to take away; `traced_layer` is the one whose patches are traced;
    `read_at` is the image token (by sequence position) whose words are listed.
    """

    kept: ClassVar = ("lens", "head", "cut", "ablated", "traced_layer", "read_at")

    lens: str = FIRST_LENS
    head: Head | None = None
    cut: tuple[str, int] | None = None
    ablated: tuple[Head, ...] = ()
    traced_layer: int | None = None
    read_at: int | None = None

    def choose(self, head: Head) -> None:
        """Look at one head; the same again looks at the first of the ranking."""
        self.head = None if head == self.head else head

    def chosen(self, first: Head, layers: int, heads: int) -> Head:
        """The head to look at; one that the model lacks is let go."""
        if self.head is not None and (self.head[0] >= layers or self.head[1] >= heads):
            self.head = None
        return self.head or first

    def pick_cut(self, cut: tuple[str, int]) -> None:
        """Choose a cut and its first layer; the same again lets go."""
        self.cut = None if cut == self.cut else cut

    def within(self, layers: Collection[int], heads: int) -> None:
        """Let go of heads to take away that the model does not have in these layers."""
        self.ablated = tuple(head for head in self.ablated if head[0] in layers and head[1] < heads)

    def ablate(self, heads: Iterable[Head]) -> None:
        """Take these heads away, and no others."""
        self.ablated = tuple(sorted(heads))

    def toggle(self, head: Head) -> None:
        """Take a head away too, or put it back."""
        self.ablate(set(self.ablated) ^ {head})

    def pick_layer(self, layer: int) -> None:
        """Choose the layer whose patches are traced; the same again lets go."""
        self.traced_layer = None if layer == self.traced_layer else layer
