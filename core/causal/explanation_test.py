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
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Fill, Question, RegionMask, TokenKind
from ..errors import CausalError
from ..masking import pixels_of
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.model import VisionLanguageModel
from .discovery import CausalGraph
from .pds import TooManySubsets

Mode = Literal["reader", "pixels"]
Positions = tuple[int, ...]
AT_ONCE = 32
"""Most sets in one batch, so that a stop is heard soon."""


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
        return f"pixels replaced ({self.fill}), and the picture read anew"


@dataclass(frozen=True)
class Reading:
    """One answer token with something masked: its log-probability (nats), and the token most probable there."""

    logprob: float
    top: int


@dataclass(frozen=True)
class Trial:
    """A set that was masked. `nodes` are its numbers in the graph (none for controls), `positions` the image tokens
    masked; `change` is that of the target's log-probability (nats), `said` the most probable token then, and `changed`
    whether it is another than without masking."""

    kind: Literal["candidate", "whole", "random", "attention"]
    nodes: tuple[int, ...]
    positions: Positions
    change: float
    said: str
    changed: bool


@dataclass(frozen=True)
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
        tried = f"{len(self.candidates)} subset{'' if len(self.candidates) == 1 else 's'}"
        if self.whole is None:
            return "The explanation set holds no image token, so there is nothing to mask."
        found = self.sufficient
        if found is not None:
            size = len(found.positions)
            flips = sum(trial.changed for trial in self.controls if trial.kind == "random")
            randoms = sum(trial.kind == "random" for trial in self.controls)
            tokens = "1 image token" if size == 1 else f"{size} image tokens"
            control = f" Of {randoms} random sets of the same size, {flips} did too." if randoms else ""
            return f"Masking {tokens} changes the token: the smallest of {tried} tried that does.{control}"
        why = "it was stopped" if self.stopped else "all there are" if self.exhausted else f"the cap of {self.cap}"
        all_of_it = "changes it" if self.whole.changed else "does not either"
        return f"None of {tried} tried ({why}) changes the token; masking the whole set {all_of_it}."


def read_without(
    model: VisionLanguageModel,
    answer: Answer,
    wanted: Sequence[tuple[int, Positions]],
    masking: Masking,
    *,
    cancel: CancelToken | None = None,
) -> Iterator[Reading]:
    """For each (answer token, image positions) the token's reading with those masked, one after another.

    Computed in batches as they are asked for. Raises CausalError and Cancelled.
    """
    if masking.mode == "pixels":
        for token, positions in wanted:
            if cancel is not None:
                cancel.check()
            yield _reading(answer, token, _pixels_without(model, answer, token, positions, masking.fill))
        return
    size = min(AT_ONCE, model.hidings_at_once(answer)) if wanted else 1
    for start in range(0, len(wanted), size):
        if cancel is not None:
            cancel.check()
        batch = wanted[start : start + size]
        found = model.logits_without(answer, [positions for _, positions in batch])
        for (token, _), logits in zip(batch, found, strict=True):
            yield _reading(answer, token, logits[token])


def _reading(answer: Answer, token: int, logits: Float[Tensor, "vocabulary"]) -> Reading:
    row = logits.double().log_softmax(-1).cpu().numpy()
    return Reading(float(row[answer.tokens[token].id]), int(row.argmax()))


def _pixels_without(
    model: VisionLanguageModel, answer: Answer, token: int, positions: Positions, fill: Fill
) -> Float[Tensor, "vocabulary"]:
    # Tokens that stand for the end of a row of patches have no pixels: without them the picture is the same.
    nothing = answer.layout.views and not any(answer.layout.box(position) for position in positions)
    prepared = model.prepare(answer.question if nothing else question_without(answer, positions, fill))
    return model.continuation_logits([prepared], [answer.token_ids[: token + 1]])[0][token]


def question_without(answer: Answer, positions: Sequence[int], fill: Fill) -> Question:
    """The answer's question with the pixels of some image tokens masked, over what was masked already. Tokens that
    stand for the end of a row of patches have none.

    Raises CausalError where none of the image tokens has a place.
    """
    if not positions:
        return answer.question
    shown_in = {position: view.image for view in answer.layout.views for position in view.positions}
    images = {shown_in[position] for position in positions if position in shown_in}
    if not images:
        raise CausalError(
            "Which pixels these image tokens stand for is not known, or they stand for none, so none can be masked. "
            "Hide the image tokens from the reader."
        )
    further = (RegionMask(pixels_of(positions, answer.layout, image), fill, image) for image in sorted(images))
    return answer.question.with_masks(*answer.question.masks, *further)


def image_positions(graph: CausalGraph, nodes: Sequence[int]) -> Positions:
    """The sequence positions of those nodes that are image tokens."""
    return tuple(graph.nodes[node].position for node in nodes if graph.nodes[node].kind is TokenKind.IMAGE)


def random_sets(answer: Answer, graph: CausalGraph, size: int, count: int) -> list[Positions]:
    """Control: sets of `size` of the answer's image tokens, drawn at random, always the same for the same graph. Where
    places are known only tokens that have one are drawn, so that there are pixels to mask."""
    placed = sorted(position for view in answer.layout.views for position in view.positions)
    everywhere = placed if len(placed) >= size else answer.layout.positions(TokenKind.IMAGE)
    chance = np.random.default_rng((graph.token, graph.layer, graph.head, size))
    drawn = (chance.choice(len(everywhere), size, replace=False) for _ in range(count))
    return [tuple(sorted(everywhere[int(index)] for index in indices)) for indices in drawn]


def attention_set(graph: CausalGraph, size: int) -> Positions:
    """Control: the `size` image tokens that the target attends to most (all of them are nodes)."""
    images = [node for node in graph.nodes if node.kind is TokenKind.IMAGE]
    return tuple(sorted(node.position for node in sorted(images, key=lambda node: -node.attention)[:size]))


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
            sets = list(islice(_maskable(graph, radius), room + 1))
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


def _maskable(graph: CausalGraph, radius: int) -> Iterator[tuple[int, ...]]:
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
        self.before = answer.tokens[graph.token].logprob
        self.said = answer.tokens[graph.token].text
        self.top = answer.tokens[graph.token].id

    def start(self) -> None:
        """Read once with nothing masked: what changes is measured against the same way of reading."""
        reading = next(self._read([()]))
        self.before, self.top = reading.logprob, reading.top
        self.said = self.model.reader.texts([reading.top])[0]

    def trials(self, kind: Literal["candidate", "whole"], sets: Sequence[tuple[int, ...]]) -> Iterator[Trial]:
        masked = [image_positions(self.graph, nodes) for nodes in sets]
        for nodes, positions, reading in zip(sets, masked, self._read(masked), strict=False):
            yield self._trial(kind, nodes, positions, reading)

    def controls(self, size: int, randoms: int) -> Iterator[Trial]:
        drawn = random_sets(self.answer, self.graph, size, randoms)
        attended = attention_set(self.graph, size)
        readings = self._read([*drawn, attended])
        for positions in drawn:
            yield self._trial("random", (), positions, next(readings))
        yield self._trial("attention", (), attended, next(readings))

    def _read(self, sets: Sequence[Positions]) -> Iterator[Reading]:
        wanted = [(self.graph.token, positions) for positions in sets]
        for reading in read_without(self.model, self.answer, wanted, self.masking, cancel=self.cancel):
            self.forwards += 1
            self.progress(min(self.forwards / self.cap, 1.0))
            yield reading

    def _trial(
        self,
        kind: Literal["candidate", "whole", "random", "attention"],
        nodes: tuple[int, ...],
        positions: Positions,
        reading: Reading,
    ) -> Trial:
        return Trial(
            kind=kind,
            nodes=nodes,
            positions=positions,
            change=reading.logprob - self.before,
            said=self.model.reader.texts([reading.top])[0],
            changed=reading.top != self.top,
        )
