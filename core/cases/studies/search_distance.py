"""The causal explanation of "yellow", further and further from the word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...answer import Answer
from ...causal.discovery import CausalGraph, layer_graphs
from ...causal.explanation_test import Masking, image_positions
from ...causal.rates import FlipRates, flip_rates
from ...masking import covered_patches
from ...statistics.bootstrap import mean
from ...statistics.estimate import Estimate
from ...street.draw import draw
from ...street.recipe import Recolour, SceneRecipe
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from . import readings
from .study import Example, Measured, Outcome, Study, held_out, judged, weakest

QUESTION = "What color is the man's shirt?"
DISTANCES = (1, 2, 3)
MOST_GRAPHS = 64
"""Heads whose graphs are learned for a scene, those of the last layers first: large models have a thousand."""


@dataclass(frozen=True, eq=False)
class AtDistance:
    """The explanation sets of all heads at one search distance: what masking them does, and the mean share of their
    patches that are on the shirt."""

    rates: FlipRates
    on_shirt: float


@dataclass(frozen=True, eq=False)
class Yellow:
    """One scene: the distances in order, the shirt's share of all patches, and the strongest head to look at."""

    distances: tuple[AtDistance, ...]
    area: float
    examples: tuple[Example, ...]


class SearchDistance(Study[SceneRecipe, Yellow]):
    """Explanation sets of every head's causal graph for the word, at growing search distance, masked."""

    key = "search_distance"
    title = "Why “yellow”? Further and further"
    claim = (
        "The image tokens near “yellow” on the causal graph of a head's attention explain it: masking them changes the "
        "word more often than masking as many others, and the further one goes from it, the more often the word "
        "changes."
    )
    source = "Rohekar, Gurwicz and Nisimov 2023 (CLEANN); Stan et al. 2024, LVLM-Interpret, section on causal graphs"
    asked = f"“{QUESTION}” of scenes whose man has a yellow shirt: “The man's shirt is yellow.”"
    looked_at = (
        "For every head a graph for the word, and its explanation set at distance "
        f"{', '.join(map(str, DISTANCES[:-1]))} and {DISTANCES[-1]}: how often the word changes when the set's image "
        "tokens are hidden, beside random sets and the most attended patches of the same size; and how much of the set "
        "is on the shirt."
    )
    rule = (
        "Borne out where masking the sets at the longest distance changes the word more often than masking random sets "
        "of their size, and than the sets at the shortest distance: the 95 % intervals over scenes must lie apart. "
        "(Beating the most attended patches, too, would be a stronger claim; that figure stands beside it.)"
    )
    caveat = (
        "Graphs as they are published: 50 image tokens, alpha 0.00001, sample size 128. Sets without a patch, or with "
        "nearly all of them, explain nothing and are not counted. Sets grow with the distance, and larger ones change "
        "a word more often whatever they hold: compare each with the sets of its own size."
    )
    planted = "Not planted: yellow is one of eight colours, drawn at random, and no head was told where to look."
    scenes = 8

    def subjects(self) -> Iterator[SceneRecipe]:
        yellow = Recolour("man", "shirt", "yellow")
        return (recipe.changed(yellow) for recipe in held_out(lambda scene: scene.the("man") is not None))

    def read(self, model: VisionLanguageModel, subject: SceneRecipe, cancel: CancelToken | None) -> Yellow:
        drawing = draw(subject.scene())
        answer = readings.answer_to(model, QUESTION, drawing.image, cancel)
        target = readings.key_target(answer)
        graphs: list[CausalGraph] = []
        layers = range(model.card.layers)[-max(1, MOST_GRAPHS // model.card.heads) :]
        for layer in layers:
            graphs += layer_graphs(model, answer, target.tokens[0], layer, cancel=cancel)
        shirt = set(covered_patches(drawing.mask("man", "shirt"), answer.layout, share=0.5))
        distances = []
        for radius in DISTANCES:
            rates = flip_rates(model, [(answer, graph) for graph in graphs], radius, Masking(), cancel=cancel)
            distances.append(AtDistance(rates, _on_shirt(graphs, radius, shirt)))
        patches = sum(len(view.positions) for view in answer.layout.views)
        examples = _examples(answer, subject, graphs, distances)
        return Yellow(tuple(distances), len(shirt) / patches if patches else float("nan"), examples)

    def conclude(self, reads: Sequence[Yellow]) -> Outcome:
        found = [_rates(reads, number) for number in range(len(DISTANCES))]
        (nearest, *_), (explanation, random, attention) = found[0], found[-1]
        return Outcome(
            weakest(judged(explanation, random), judged(explanation, nearest)),
            f"Masking an explanation set at distance {DISTANCES[-1]} changes the word in {explanation.value:.1%} of "
            f"the sets (at distance {DISTANCES[0]} in {nearest.value:.1%}), as many random patches in "
            f"{random.value:.1%}{_mostly(explanation)}. As many of the most attended patches do so in "
            f"{attention.value:.1%}: {_beside_attention(explanation, attention)}.",
            tuple(_measured(reads, found)),
            reads[0].examples,
        )


def _on_shirt(graphs: Sequence[CausalGraph], radius: int, shirt: set[int]) -> float:
    """The mean over graphs of the share of a set's patches that are on the shirt; NaN where no set has a patch."""
    sets = [image_positions(graph, graph.explanation.within(radius)) for graph in graphs]
    shares = [len(shirt & set(patches)) / len(patches) for patches in sets if patches]
    return float(np.mean(shares)) if shares else float("nan")


def _examples(
    answer: Answer, recipe: SceneRecipe, graphs: Sequence[CausalGraph], distances: Sequence[AtDistance]
) -> tuple[Example, ...]:
    """The sets of the head whose masking moved the word furthest beyond chance (a favourable choice), one exhibit for
    each distance."""
    ranked = distances[-1].rates.ranked()
    if not ranked:
        return (Example("no set has a patch", answer, readings.key_target(answer), recipe),)
    best = ranked[0]
    graph = next(one for one in graphs if (one.layer, one.head) == (best.layer, best.head))
    distance = graph.explanation.tree.distance
    examples = []
    for radius, at in zip(DISTANCES, distances, strict=True):
        nodes = [node for node in graph.explanation.within(radius) if image_positions(graph, (node,))]
        flip = next((one for one in at.rates.flips if (one.layer, one.head) == (best.layer, best.head)), None)
        notes = (
            f"Head {graph.head} of layer {graph.layer}, chosen because its sets move the word furthest: "
            f"{len(graph.explanation.within(radius))} tokens, {len(nodes)} of them patches.",
            "Not masked: no patch, or nearly all." if flip is None else f"Masked: {readings.told(flip.explanation)}.",
        )
        marked = {graph.nodes[node].position: distance[node] for node in nodes}
        title = f"distance {radius}"
        examples.append(Example(title, answer, readings.key_target(answer), recipe, marked=marked, notes=notes))
    return tuple(examples)


def _mostly(explanation: Estimate) -> str:
    """What a verdict about which sets do more may hide: that most do nothing."""
    return "; most sets leave the word as it is" if explanation.value < 0.5 else ""


def _beside_attention(explanation: Estimate, attention: Estimate) -> str:
    """What the graph adds to the attention it was learned from."""
    if explanation.above(attention):
        return "the graph finds more than attention alone"
    if attention.above(explanation):
        return "attention alone finds more than the graph"
    return "whether the graph finds more than attention alone is not decided"


def _rates(reads: Sequence[Yellow], number: int) -> tuple[Estimate, Estimate, Estimate]:
    """How often the word changes with the explanation, random sets and the most attended masked; means over scenes."""
    found = [read.distances[number].rates for read in reads]
    each = (
        [rates.explanation for rates in found],
        [rates.random for rates in found],
        [rates.attention for rates in found],
    )
    explanation, random, attention = (mean(rate.share for rate in rates) for rates in each)
    return explanation, random, attention


def _measured(reads: Sequence[Yellow], found: Sequence[tuple[Estimate, Estimate, Estimate]]) -> Iterator[Measured]:
    area = mean(read.area for read in reads)
    for number, (radius, (explanation, random, attention)) in enumerate(zip(DISTANCES, found, strict=True)):
        what = f"distance {radius}: the word changes when the set is masked"
        yield Measured(what, "explanation", explanation, "random sets", random)
        yield Measured(what, "explanation", explanation, "most attended patches", attention)
        on_shirt = mean(read.distances[number].on_shirt for read in reads)
        what = f"distance {radius}: share of the set's patches on the shirt"
        yield Measured(what, "explanation", on_shirt, "of all patches", area)
