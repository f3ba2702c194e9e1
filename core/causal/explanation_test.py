"""The test of an explanation: take parts of it away, and see whether the model still says the token.

The subsets of the explanation set are tried in the published order until one changes the token: the first is the
minimal sufficient set. Their image tokens are hidden from the reader (nobody after the pictures may attend to them;
what they gave to other image tokens stays), or their pixels are masked and the picture is read anew: two tests that
may disagree. Words of a subset are left in place. Beside it stand sets of the same size that nobody chose, at random,
and that attention chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

from ..answer import Answer, Fill, TokenKind
from ..counted import counted
from ..errors import CausalError
from ..masking import FILL_NAMES
from ..perturb.outcomes import OutcomeReader
from ..perturb.perturbation import HiddenPatches, HiddenTokens, Perturbation
from ..perturb.prediction import Outcome
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import TokenTarget
from .discovery import CausalGraph
from .pds import TooManySubsets

Mode = Literal["reader", "pixels"]
Positions = tuple[int, ...]


@dataclass(frozen=True)
class Masking:
    """How image tokens are taken away: hidden from the reader, or their pixels replaced by `fill`."""

    mode: Mode = "reader"
    fill: Fill = "mean"

    @property
    def sentence(self) -> str:
        """What was done, for the screen."""
        if self.mode == "reader":
            return "image tokens hidden from everything after the pictures"
        return f"pixels replaced ({FILL_NAMES[self.fill]}), and the picture read anew"

    def without(self, answer: Answer, positions: Positions) -> Perturbation:
        """What takes some image tokens away so. Those that stand for the end of a row of patches have no pixels.

        Raises CausalError where pixels are to be replaced and nobody knows which.
        """
        if self.mode == "reader":
            return HiddenTokens(frozenset(positions))
        if positions and not answer.layout.views:
            raise CausalError(NO_PIXELS)
        return HiddenPatches(frozenset(positions), self.fill)


NO_PIXELS = (
    "Which pixels these image tokens stand for is not known, or they stand for none, so none can be masked. Hide the "
    "image tokens from the reader."
)


def patches_of(answer: Answer, positions: Positions, fill: Fill) -> HiddenPatches:
    """The pixels of some image tokens replaced. Raises CausalError where none of them has any."""
    if not any(answer.layout.box(position) for position in positions):
        raise CausalError(NO_PIXELS)
    return HiddenPatches(frozenset(positions), fill)


@dataclass(frozen=True, eq=False)
class Trial:
    """A set that was masked. `nodes` are its numbers in the graph (none for controls), `positions` the image tokens
    masked; `outcome` is what became of the target, and `said` the token that is most probable in its place then."""

    kind: Literal["candidate", "whole", "random", "attention"]
    nodes: tuple[int, ...]
    positions: Positions
    outcome: Outcome
    said: str

    @property
    def change(self) -> float:
        """The change of the target's log-probability (nats)."""
        return self.outcome.change

    @property
    def changed(self) -> bool:
        """Whether another token is the most probable one than without masking."""
        return self.outcome.flipped


@dataclass(frozen=True, eq=False)
class ExplanationTest:
    """What came of masking the explanation of a graph at a radius.

    `before` is the target's log-probability with nothing masked (nats), `said` the most probable token then.
    `candidates` are in the order they were tried; `whole` is the entire explanation set at once; `controls` are random
    and top-attention sets of as many image tokens as the sufficient set has, or else the entire one. `cap` is the most
    forward passes it was allowed, `forwards` how many it took. `exhausted`: every candidate was tried; `stopped`: it
    was cancelled on the way.
    """

    radius: int
    masking: Masking
    before: float
    said: str
    candidates: tuple[Trial, ...]
    whole: Trial | None
    controls: tuple[Trial, ...]
    cap: int
    forwards: int
    exhausted: bool
    stopped: bool

    @property
    def sufficient(self) -> Trial | None:
        """The minimal sufficient set: the first candidate, in the published order, that changed the token."""
        return next((trial for trial in self.candidates if trial.changed), None)

    @property
    def sentence(self) -> str:
        """The outcome, for the screen. Names no token: those are untrusted text and stand in `said`."""
        tried = counted(len(self.candidates), "subset")
        if self.whole is None:
            return "The explanation set holds no image token, so there is nothing to mask."
        sufficient = self.sufficient
        if sufficient is not None:
            size = len(sufficient.positions)
            flips = sum(trial.changed for trial in self.controls if trial.kind == "random")
            randoms = sum(trial.kind == "random" for trial in self.controls)
            tokens = counted(size, "image token")
            control = f" Of {randoms} random sets of the same size, {flips} did too." if randoms else ""
            return f"Masking {tokens} changes the token: the smallest of {tried} tried that does.{control}"
        if self.exhausted and [set(trial.positions) for trial in self.candidates] == [set(self.whole.positions)]:
            # (there was nothing else to try)
            masked = counted(len(self.whole.positions), "image token")
            return f"Masking the whole set, {masked}, does not change the token."
        why = "it was stopped" if self.stopped else "all there are" if self.exhausted else f"the cap of {self.cap}"
        all_of_it = "changes it" if self.whole.changed else "does not either"
        return f"None of {tried} tried ({why}) changes the token; masking the whole set {all_of_it}."


def image_positions(graph: CausalGraph, nodes: Sequence[int]) -> Positions:
    """The sequence positions of those nodes that are image tokens."""
    return tuple(graph.nodes[node].position for node in nodes if graph.nodes[node].kind is TokenKind.IMAGE)


def random_sets(answer: Answer, graph: CausalGraph, size: int, count: int, *, shared: bool = False) -> list[Positions]:
    """Control: sets of `size` of the answer's image tokens, drawn at random, always the same for the same graph, or,
    `shared`, for all graphs of the same token of the answer. Where places are known only tokens that have one are
    drawn, so that there are pixels to mask."""
    placed = sorted(position for view in answer.layout.views for position in view.positions)
    everywhere = placed if len(placed) >= size else answer.layout.positions(TokenKind.IMAGE)
    seed = (graph.token, *answer.token_ids) if shared else (graph.token, graph.layer, graph.head)
    chance = np.random.default_rng((*seed, size))
    drawn = (chance.choice(len(everywhere), size, replace=False) for _ in range(count))
    return [tuple(sorted(everywhere[int(index)] for index in indices)) for indices in drawn]


def attention_set(graph: CausalGraph, size: int) -> Positions:
    """Control: the `size` image tokens that the target attends to most (all of them are nodes)."""
    images = [node for node in graph.nodes if node.kind is TokenKind.IMAGE]
    return tuple(sorted(node.position for node in sorted(images, key=lambda node: -node.attention)[:size]))


@stoppable
def explanation_test(
    model: VisionLanguageModel,
    answer: Answer,
    graph: CausalGraph,
    radius: int,
    masking: Masking | None = None,
    *,
    cap: int = 256,
    randoms: int = 5,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> ExplanationTest:
    """Mask subsets of the explanation set at `radius` until the token changes, in at most `cap` forward passes, with
    `randoms` random control sets and one of top attention.

    Stopped by `cancel`, it returns what was tried. `progress` is told the share of the cap. Raises CausalError.
    """
    masking = masking or Masking()
    if cap < randoms + 3:
        raise CausalError(f"The cap must allow at least {randoms + 3} forward passes: one for each control, and three.")
    search = _Search(model, answer, graph, masking, cap, cancel, progress)
    whole: Trial | None = None
    candidates: list[Trial] = []
    controls: list[Trial] = []
    stopped, exhausted = False, False
    try:
        search.start()
        everything = graph.explanation.within(radius)
        if image_positions(graph, everything):
            whole = next(search.trials("whole", [everything]))
            room = cap - search.forwards - randoms - 1
            sets = list(islice(maskable(graph, radius), room + 1))
            exhausted = len(sets) <= room
            for trial in search.trials("candidate", sets[:room]):
                candidates.append(trial)
                if trial.changed:
                    break
            size = len(candidates[-1].positions) if candidates and candidates[-1].changed else len(whole.positions)
            for control in search.controls(size, randoms):
                controls.append(control)
    except Cancelled:
        stopped = True
    return ExplanationTest(
        radius=radius,
        masking=masking,
        before=search.before,
        said=search.said,
        candidates=tuple(candidates),
        whole=whole,
        controls=tuple(controls),
        cap=cap,
        forwards=search.forwards,
        exhausted=exhausted and not stopped and len(candidates) == len(sets),
        stopped=stopped,
    )


def maskable(graph: CausalGraph, radius: int) -> Iterator[tuple[int, ...]]:
    """The candidates that mask something, and something else than all before."""
    seen: set[Positions] = {()}
    try:
        for nodes in graph.explanation.candidates(radius):
            positions = image_positions(graph, nodes)
            if positions not in seen:
                seen.add(positions)
                yield nodes
    except TooManySubsets:
        # No cap on forward passes comes near as many.
        return


class _Search:
    """One token's readings, counted."""

    def __init__(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        graph: CausalGraph,
        masking: Masking,
        cap: int,
        cancel: CancelToken | None,
        progress: Callable[[float], None],
    ) -> None:
        self.model, self.answer, self.graph, self.masking = model, answer, graph, masking
        self.cap, self.cancel, self.progress = cap, cancel, progress
        self.forwards = 0
        target = answer.tokens[graph.token]
        self.before, self.said = target.logprob, target.text
        self.reader = OutcomeReader(model, answer, [TokenTarget(graph.token, target.id)])

    def start(self) -> None:
        """Read once with nothing masked: what changes is measured against the same way of reading."""
        before = next(self._read([()])).before
        self.before, self.said = before.logprob, self.model.reader.texts(before.top)[0]

    def trials(self, kind: Literal["candidate", "whole"], sets: Sequence[tuple[int, ...]]) -> Iterator[Trial]:
        masked = [image_positions(self.graph, nodes) for nodes in sets]
        for nodes, positions, outcome in zip(sets, masked, self._read(masked), strict=False):
            yield self._trial(kind, nodes, positions, outcome)

    def controls(self, size: int, randoms: int) -> Iterator[Trial]:
        drawn = random_sets(self.answer, self.graph, size, randoms)
        attended = attention_set(self.graph, size)
        readings = self._read([*drawn, attended])
        for positions in drawn:
            yield self._trial("random", (), positions, next(readings))
        yield self._trial("attention", (), attended, next(readings))

    def _read(self, sets: Sequence[Positions]) -> Iterator[Outcome]:
        """The outcome of masking each set. Raises Cancelled when stopped before the last."""
        wanted = [self.masking.without(self.answer, positions) for positions in sets]
        for outcome in self.reader.outcomes(wanted, self.cancel):
            self.forwards += 1
            self.progress(min(self.forwards / self.cap, 1.0))
            yield outcome
        if self.cancel is not None:
            self.cancel.check()

    def _trial(
        self,
        kind: Literal["candidate", "whole", "random", "attention"],
        nodes: tuple[int, ...],
        positions: Positions,
        outcome: Outcome,
    ) -> Trial:
        return Trial(kind, nodes, positions, outcome, self.model.reader.texts(outcome.after.top)[0])
