"""How often the claims of causal graphs survive a test, over held-out street scenes.

Every head of every layer, or of each layer some drawn at random, gives a graph for the key word of a scene's answer.
Its explanation set is masked at search distance 1, 2 and 3, beside random sets and the most attended patches of the
same size: a *flip* is a token that changes. And single patches are masked: does a neighbour of the target move its
log-probability more than a non-neighbour of the same graph (*neighbour precision*, 0.5 by chance)? Heads of one scene
are no independent draws, so every figure is a mean over scenes, and its interval is of scenes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ..answer import Answer
from ..causal.costs import flips_expected
from ..causal.discovery import causal_graphs
from ..causal.explanation_test import Masking
from ..causal.heads import sample_of_heads
from ..causal.masked_sets import MaskedSets
from ..causal.rates import Case, FlipRates, NeighbourPrecision, flip_rates, neighbour_precision
from ..causal.settings import GraphSettings
from ..comparison.keyword import key_tokens
from ..counted import counted
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..vlm.cancel import Cancelled, CancelToken
from ..vlm.forecast import Forecast
from ..vlm.generation import ask
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING
from .street import FAMILIES, street_cases

RADII = (1, 2, 3)
SCENES = 30


@dataclass(frozen=True)
class SceneFlips:
    """One scene: its graphs, their flips at each of `RADII`, and their neighbours."""

    graphs: int
    flips: tuple[FlipRates, ...]
    neighbours: NeighbourPrecision


@dataclass(frozen=True)
class AtRadius:
    """The sets at one search distance. `sets` were masked, of `size` image tokens on average; `empty` hold no image
    token and `everything` nearly all of them, and neither is masked. Means over scenes: the share of sets that flip
    the token, and the change of its log-probability beyond that of random sets (nats, positive: further down)."""

    radius: int
    sets: int
    empty: int
    everything: int
    size: float
    explanation: Estimate
    random: Estimate
    attention: Estimate
    beyond_random: Estimate


@dataclass(frozen=True)
class FlipTable:
    """What `scenes` scenes with `graphs` graphs gave: of all heads, or of so many of each layer drawn at random
    (`of_a_layer`). `precision` is the mean over scenes of neighbour precision, over `pairs` of a neighbour and a
    non-neighbour in all; the effects are mean absolute changes (nats)."""

    scenes: int
    graphs: int
    masking: Masking
    radii: tuple[AtRadius, ...]
    precision: Estimate
    pairs: int
    neighbour_effect: Estimate
    other_effect: Estimate
    of_a_layer: int | None = None

    def lines(self) -> Iterator[str]:
        """The table as text."""
        measured = f"{counted(self.scenes, 'scene')}, {counted(self.graphs, 'graph')}"
        if self.of_a_layer is not None:
            measured += f", of each layer {counted(self.of_a_layer, 'head')} drawn at random"
        yield f"{measured}; {self.masking.sentence}. Means over scenes [95 %]."
        yield f"{'distance':8} {'sets':>5} {'patches':>7}  {'explanation':20} {'random':20} {'top attention':20} nats"
        for row in self.radii:
            shares = " ".join(f"{_percent(one):20}" for one in (row.explanation, row.random, row.attention))
            yield f"{row.radius:8} {row.sets:5} {row.size:7.1f}  {shares} {_number(row.beyond_random)}"
        for row in self.radii:
            yield f"not masked at {row.radius}: {row.empty} without a patch, {row.everything} with nearly all"
        yield (
            f"neighbour precision {_number(self.precision)} over {self.pairs} pairs (chance 0.5); masking a neighbour "
            f"changes {_number(self.neighbour_effect)} nats, a non-neighbour {_number(self.other_effect)}"
        )


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} % [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def flip_table(
    model: VisionLanguageModel,
    scenes: int = SCENES,
    settings: GraphSettings | None = None,
    masking: Masking | None = None,
    *,
    of_a_layer: int | None = None,
    progress: Callable[[float], None] = lambda done: None,
    cancel: CancelToken | None = None,
) -> FlipTable:
    """The table over `scenes` held-out street scenes, one question family after the other; after a stop, over those
    that were finished. `of_a_layer`: in each scene only so many heads of each layer, drawn anew. Raises CausalError,
    and Cancelled where none was.
    """
    masking = masking or Masking()
    cases = islice(street_cases(math.ceil(scenes / len(FAMILIES))), scenes)
    finished: list[SceneFlips] = []
    for number, case in enumerate(cases, start=1):
        try:
            answer = ask(model, case.asked(), cancel=cancel)
            if cancel is not None:
                cancel.check()
            if answer.tokens:
                heads = sample_of_heads(
                    model.card.attention_layers, model.card.heads, of_a_layer or model.card.heads, seed=number
                )
                finished.append(_scene(model, answer, heads, settings, masking, cancel))
        except Cancelled:
            if not finished:
                raise
            break
        progress(number / scenes)
    return summed(finished, masking, of_a_layer)


def expected(model: VisionLanguageModel, scenes: int, masking: Masking, *, of_a_layer: int | None = None) -> Forecast:
    """How long the table takes here, as the first of its scenes would: that one is asked for it."""
    answer = ask(model, next(iter(street_cases(1))).asked())
    heads = sample_of_heads(model.card.attention_layers, model.card.heads, of_a_layer or model.card.heads)
    told = flips_expected(model, answer, heads, masking, len(RADII))
    return Forecast(NOTHING, None if told.seconds is None else scenes * told.seconds, scenes, "scene")


def _scene(
    model: VisionLanguageModel,
    answer: Answer,
    heads: Mapping[int, Sequence[int]],
    settings: GraphSettings | None,
    masking: Masking,
    cancel: CancelToken | None,
) -> SceneFlips:
    token = key_tokens(answer)[0]
    graphs: list[Case] = [
        (answer, graph)
        for layer, some in heads.items()
        for graph in causal_graphs(model, answer, layer, [(token, head) for head in some], settings, cancel=cancel)
    ]
    known = MaskedSets(model, masking)
    flips = tuple(flip_rates(model, graphs, radius, masking, known=known, cancel=cancel) for radius in RADII)
    return SceneFlips(len(graphs), flips, neighbour_precision(model, graphs, masking, known=known, cancel=cancel))


def summed(scenes: Sequence[SceneFlips], masking: Masking, of_a_layer: int | None = None) -> FlipTable:
    """The table of some scenes, of all heads or of so many of each layer."""
    return FlipTable(
        scenes=len(scenes),
        graphs=sum(scene.graphs for scene in scenes),
        masking=masking,
        radii=tuple(_at(radius, [scene.flips[number] for scene in scenes]) for number, radius in enumerate(RADII)),
        precision=mean([scene.neighbours.precision for scene in scenes]),
        pairs=sum(scene.neighbours.pairs for scene in scenes),
        neighbour_effect=mean([scene.neighbours.neighbour_effect for scene in scenes], "nats"),
        other_effect=mean([scene.neighbours.other_effect for scene in scenes], "nats"),
        of_a_layer=of_a_layer,
    )


def _at(radius: int, by_scene: Sequence[FlipRates]) -> AtRadius:
    flips = [flip for rates in by_scene for flip in rates.flips]
    return AtRadius(
        radius=radius,
        sets=len(flips),
        empty=sum(rates.empty for rates in by_scene),
        everything=sum(rates.everything for rates in by_scene),
        size=_mean([flip.size for flip in flips]),
        explanation=mean([rates.explanation.share for rates in by_scene]),
        random=mean([rates.random.share for rates in by_scene]),
        attention=mean([rates.attention.share for rates in by_scene]),
        beyond_random=mean([_mean([flip.beyond_random for flip in rates.flips]) for rates in by_scene], "nats"),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
