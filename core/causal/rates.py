"""How often a graph's claims survive a test: flip rates, and whether neighbours matter more than others.

A map that flips the token tells little by itself: masking enough of anything does. So each set stands beside random
sets and the top-attention set of its own size, and each neighbour beside the non-neighbours of its own graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..answer import Answer, TokenKind
from ..perturb.prediction import Outcome
from ..statistics.proportion import Proportion
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pace import MASKED_HEADS
from ..vlm.targets import TokenTarget
from .discovery import CausalGraph, neighbours
from .explanation_test import Masking, Positions, attention_set, image_positions, random_sets
from .masked_sets import MaskedSets

Case = tuple[Answer, CausalGraph]


@dataclass(frozen=True, eq=False)
class Flip:
    """One case: a graph's explanation set masked whole, and its controls, all of `size` image tokens."""

    token: int
    layer: int
    head: int
    size: int
    explanation: Outcome
    randoms: tuple[Outcome, ...]
    attention: Outcome

    @property
    def beyond_random(self) -> float:
        """How much further the explanation lowered the log-probability than random sets did on average (nats)."""
        return float(np.mean([outcome.change for outcome in self.randoms])) - self.explanation.change


@dataclass(frozen=True, eq=False)
class FlipRates:
    """Flips over many cases. `empty` cases had no image token in their set and `everything` cases nearly all of them;
    neither is an explanation, and neither is counted."""

    radius: int
    masking: Masking
    flips: tuple[Flip, ...]
    empty: int
    everything: int

    @property
    def explanation(self) -> Proportion:
        return Proportion(sum(flip.explanation.flipped for flip in self.flips), len(self.flips))

    @property
    def attention(self) -> Proportion:
        return Proportion(sum(flip.attention.flipped for flip in self.flips), len(self.flips))

    @property
    def random(self) -> Proportion:
        randoms = [outcome for flip in self.flips for outcome in flip.randoms]
        return Proportion(sum(outcome.flipped for outcome in randoms), len(randoms))

    def ranked(self) -> tuple[Flip, ...]:
        """The cases whose explanation moved the token furthest beyond chance first: how heads are ranked."""
        return tuple(sorted(self.flips, key=lambda flip: -flip.beyond_random))


def flip_rates(
    model: VisionLanguageModel,
    cases: Sequence[Case],
    radius: int,
    masking: Masking | None = None,
    *,
    randoms: int = 5,
    shared: bool = False,
    known: MaskedSets | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> FlipRates:
    """Mask each graph's explanation set at `radius`, and controls of the same size.

    The cases may be the heads of a layer, the tokens of an answer, or many answers; those of one answer are read in
    shared batches. `shared`: all graphs of a token have the same random sets of a size, where by default each has its
    own; `known` has read other cases' sets in the same way, and is added to. Raises CausalError and Cancelled.
    """
    masking = masking or Masking()
    empty = everything = 0
    kept: list[tuple[Case, list[Positions]]] = []
    for answer, graph in cases:
        explanation = image_positions(graph, graph.explanation.within(radius))
        if not explanation:
            empty += 1
        elif graph.explanation.nearly_all(radius):
            everything += 1
        else:
            size = len(explanation)
            drawn = random_sets(answer, graph, size, randoms, shared=shared)
            kept.append(((answer, graph), [explanation, *drawn, attention_set(graph, size)]))
    model.pace.count(MASKED_HEADS, len(kept), len(cases))
    read = _outcomes(known or MaskedSets(model, masking), kept, cancel, progress)
    flips = [
        Flip(graph.token, graph.layer, graph.head, len(sets[0]), results[0], tuple(results[1:-1]), results[-1])
        for ((_, graph), sets), results in zip(kept, read, strict=True)
    ]
    return FlipRates(radius, masking, tuple(flips), empty, everything)


@dataclass(frozen=True)
class NeighbourPrecision:
    """Does hiding a neighbour of the target move its log-probability more than hiding a non-neighbour?

    `precision` is the share of (neighbour, non-neighbour) pairs of the same graph in which it does, ties half: 0.5 is
    chance. `pairs` counts them, over `graphs` graphs that have both; the effects are mean absolute changes (nats).
    """

    precision: float
    pairs: int
    graphs: int
    neighbour_effect: float
    other_effect: float


def neighbour_precision(
    model: VisionLanguageModel,
    cases: Sequence[Case],
    masking: Masking | None = None,
    *,
    most: int = 16,
    known: MaskedSets | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> NeighbourPrecision:
    """Mask single image tokens: the target's neighbours, and as nodes of the same graph those that are none.

    At most `most` of each kind and graph, evenly taken in sequence order. `known` as for `flip_rates`. Raises
    CausalError and Cancelled.
    """
    kept: list[tuple[Case, list[Positions]]] = []
    counts = []
    for answer, graph in cases:
        joined = set(neighbours(graph))
        images = [n for n in range(graph.target) if graph.nodes[n].kind is TokenKind.IMAGE]
        near = _spread([n for n in images if n in joined], most)
        far = _spread([n for n in images if n not in joined], most)
        if near and far:
            kept.append(((answer, graph), [(graph.nodes[n].position,) for n in (*near, *far)]))
            counts.append(len(near))
    wins, pairs = 0.0, 0
    near_effects: list[float] = []
    far_effects: list[float] = []
    read = _outcomes(known or MaskedSets(model, masking or Masking()), kept, cancel, progress)
    for results, count in zip(read, counts, strict=True):
        moved = np.array([abs(outcome.change) for outcome in results])
        near_moved, far_moved = moved[:count, None], moved[None, count:]
        wins += float((near_moved > far_moved).sum() + 0.5 * (near_moved == far_moved).sum())
        pairs += near_moved.size * far_moved.size
        near_effects.extend(moved[:count])
        far_effects.extend(moved[count:])
    return NeighbourPrecision(
        precision=wins / pairs if pairs else math.nan,
        pairs=pairs,
        graphs=len(kept),
        neighbour_effect=float(np.mean(near_effects)) if pairs else math.nan,
        other_effect=float(np.mean(far_effects)) if pairs else math.nan,
    )


def _spread(nodes: list[int], most: int) -> list[int]:
    if len(nodes) <= most:
        return nodes
    return [nodes[index * len(nodes) // most] for index in range(most)]


def _outcomes(
    known: MaskedSets,
    kept: Sequence[tuple[Case, list[Positions]]],
    cancel: CancelToken | None,
    progress: Callable[[float], None],
) -> list[list[Outcome]]:
    """For each case the outcome of each of its sets; the sets of one answer share batches. Raises Cancelled."""
    result: list[list[Outcome]] = [[] for _ in kept]
    total, done = sum(len(sets) for _, sets in kept), 0
    groups: dict[int, list[int]] = {}
    for index, ((answer, _), _) in enumerate(kept):
        groups.setdefault(id(answer), []).append(index)
    for members in groups.values():
        answer = kept[members[0]][0][0]
        own = {index: _target(*kept[index][0]) for index in members}
        wanted = [(index, positions) for index in members for positions in kept[index][1]]
        every = list(dict.fromkeys(own.values()))
        readings = known.outcomes(answer, every, [positions for _, positions in wanted], cancel)
        for (index, _), outcome in zip(wanted, readings, strict=False):
            result[index].append(outcome.of([own[index]]))
            done += 1
            progress(done / total)
        if cancel is not None:
            cancel.check()
    return result


def _target(answer: Answer, graph: CausalGraph) -> TokenTarget:
    """The token that a graph explains."""
    return TokenTarget(graph.token, answer.tokens[graph.token].id)
