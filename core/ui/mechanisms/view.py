"""What the Mechanisms page shows, kept when the page is left; and everything it took time to find out.

Results are kept by what they are of: answer, target and settings. So none is computed twice, and none is shown for
another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ...answer import Head
from ...cases.circuit_scenes import Elsewhere
from ...charts.curves import WindowPoint
from ...circuits.circuit import Circuit
from ...circuits.path_patching import PatchedEdges
from ...circuits.transfer import Transfer
from ...mechanisms.ablation import AblationCurves
from ...mechanisms.attribution import Attribution
from ...mechanisms.knockout import CutCurve
from ...mechanisms.patch_agreement import Agreement
from ...mechanisms.patch_effects import PatchEffects
from ...mechanisms.run import Measurement
from ...mechanisms.tracing import LOGPROB, Trace
from ...mechanisms.vocabulary import HeadReading
from ...perturb.reask import Reasked
from ...runs import kinds as runs
from ...runs.kinds import (
    ABLATION,
    ATTRIBUTION,
    CIRCUIT,
    CUT_CURVE,
    HEAD_READING,
    MEASUREMENT,
    PATCH_AGREEMENT,
    PATCH_EFFECTS,
    PATCHED_EDGES,
    SOURCE_INCREASES,
    TRACE,
)
from ..jobs.page import PageView
from ..state.heads import CONTRIBUTED as CONTRIBUTED
from ..state.heads import INCREASES as INCREASES
from ..state.heads import READ as READ
from ..state.heads import Increases as Increases
from ..state.heads import Read as Read
from ..state.results import Kept, Kind

FIRST_LENS = "head_contributions"
"""The key of the mechanism that a first visit sees."""


@dataclass(frozen=True, eq=False)
class Taken:
    """What one head takes from every position: each one's log-probability increase alone (nats, the mean over
    token targets)."""

    increases: Float[Tensor, "position"]
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


ATTRIBUTIONS = Kind[Attribution](50, run=Kept(ATTRIBUTION, about=lambda key: {"token_targets": key[1][1]}))
TAKEN = Kind[Taken](
    500,
    run=Kept(
        SOURCE_INCREASES,
        lambda taken: (taken.increases, taken.seconds),
        Taken,
        lambda key: {"token_targets": key[0][1], "head": key[1]},
    ),
)
HEAD_READINGS = Kind[HeadReading](
    500, run=Kept(HEAD_READING, about=lambda key: {"token_targets": key[1][1], "head": key[2]})
)


def _packed(curve: Curve) -> tuple[CutCurve, float]:
    points, first = curve.points, curve.points[0]
    return CutCurve(
        first.last - first.first + 1,
        tuple(point.first for point in points),
        tuple(point.change for point in points),
        curve.probabilities,
        tuple(point.said for point in points),
        curve.before,
    ), curve.seconds


def _unpacked(kept: CutCurve, seconds: float) -> Curve:
    points = tuple(
        WindowPoint(first, first + kept.window - 1, change, said)
        for first, change, said in zip(kept.starts, kept.change, kept.said, strict=True)
    )
    return Curve(points, kept.before, kept.probability, seconds)


CURVES = Kind[Curve](
    300,
    run=Kept(CUT_CURVE, _packed, _unpacked, lambda key: {"target": key[0][1], "window": key[0][2], "cut": key[1]}),
)
REASKED = Kind[Reasked](100, run=Kept(runs.REASKED))
RANKED = Kind[AblationCurves](100, run=Kept(ABLATION))
TRACES = Kind[Traced](50, run=Kept(TRACE, lambda traced: (traced.trace, traced.seconds), Traced))
MEASURED = Kind[Measurement](50, run=Kept(MEASUREMENT))
EFFECTS = Kind[PatchEffects](50, run=Kept(PATCH_EFFECTS))
AGREEMENTS = Kind[Agreement](50, run=Kept(PATCH_AGREEMENT))
CIRCUITS = Kind[Circuit](50, run=Kept(CIRCUIT))
PATCHED = Kind[PatchedEdges](200, run=Kept(PATCHED_EDGES))
ELSEWHERE = Kind[Elsewhere](50)
"""How a circuit does in other scenes."""
IN_TWIN = Kind[Transfer](50)
"""How a circuit does in the other embedded model."""


@dataclass(eq=False)
class MechanismsView(PageView):
    """What is chosen on the page.

    `lens` is the key of a mechanism, or of the findings. `head` None is the first of the ranking; `cut` is the name of
    a cut and its first layer; `ablated` are the heads to take away; `traced_layer` is the one whose patches are traced,
    and `traced_in` what effects are told on; `read_at` is the image token (by sequence position) whose words are
    listed; `part` is the part of a circuit that was clicked, by its name.
    """

    kept: ClassVar = ("lens", "head", "cut", "ablated", "traced_layer", "traced_in", "read_at", "part")

    lens: str = FIRST_LENS
    head: Head | None = None
    cut: tuple[str, int] | None = None
    ablated: tuple[Head, ...] = ()
    traced_layer: int | None = None
    traced_in: str = LOGPROB
    read_at: int | None = None
    part: str | None = None

    def pick_part(self, part: str) -> None:
        """Choose a part of a circuit; the same again lets go."""
        self.part = None if part == self.part else part

    def choose(self, head: Head) -> None:
        """Look at one head; the same again looks at the first of the ranking."""
        self.head = None if head == self.head else head

    def chosen(self, first: Head, layers: int, heads: int) -> Head:
        """The head to look at; one that the model lacks is let go."""
        if self.head is not None and (self.head[0] >= layers or self.head[1] >= heads):
            self.head = None
        return self.head or first

    def read(self, position: int) -> None:
        """List the words of an image token; the same again lists none."""
        self.read_at = None if position == self.read_at else position

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
