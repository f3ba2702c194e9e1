"""The causal explanation of "yellow", further and further from the word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..answer import Answer
from ..cases import key_word as asked
from ..cases.street import held_out
from ..causal.discovery import CausalGraph, layer_graphs
from ..causal.explanation_test import Masking, image_positions
from ..causal.masked_sets import MaskedSets
from ..causal.rates import FlipRates, flip_rates
from ..masking import covered_patches
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..street.draw import draw
from ..street.recipe import Recolour, SceneRecipe
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Figure, Measurement, beside, column, number
from .verdict import exceeds

QUESTION = "What color is the man's shirt?"
DISTANCES = (1, 2, 3)
MOST_GRAPHS = 64
"""Heads whose graphs are learned for a scene, those of the last layers first: large models have a thousand."""
SETS = {"explanation": "explanation", "random": "random sets", "attention": "most attended patches"}
"""What is masked, all of one size."""


class SearchDistance(Claim[SceneRecipe]):
    """Explanation sets of every head's causal graph for the word, at growing search distance, masked."""

    key = "search_distance"
    name = "Why “yellow”? Further and further"
    says = (
        "The image tokens near “yellow” on the causal graph of a head's attention explain it: masking them changes the "
        "word more often than masking as many others, and the further one goes from it, the more often the word "
        "changes."
    )
    paper = "Rohekar, Gurwicz and Nisimov 2023 (CLEANN); Stan et al. 2024, LVLM-Interpret, section on causal graphs"
    link = "https://arxiv.org/abs/2310.20307"
    measured = (
        f"“{QUESTION}” of scenes whose man has a yellow shirt, “The man's shirt is yellow.”: for every head a graph "
        f"for the word, and its explanation set at distance {', '.join(map(str, DISTANCES[:-1]))} and {DISTANCES[-1]}; "
        "how often the word changes when the set's image tokens are hidden, and how much of the set is on the shirt."
    )
    control = (
        "Random sets of the same size, and the sets at the shortest distance. Beside it, and not part of the rule: the "
        "most attended patches, as many; the shirt's share of all patches."
    )
    rule = (
        "Reproduces where masking the sets at the longest distance changes the word more often than masking random "
        "sets of their size, and than the sets at the shortest distance: the 95 % intervals over scenes must lie "
        "apart. (Beating the most attended patches, too, would be a stronger claim; that figure stands beside it.)"
    )
    caveat = (
        "Graphs as they are published: 50 image tokens, alpha 0.00001, sample size 128. Sets without a patch, or with "
        "nearly all of them, explain nothing and are not counted. Sets grow with the distance, and larger ones change "
        "a word more often whatever they hold: compare each with the sets of its own size."
    )
    planted = "Not planted: yellow is one of eight colours, drawn at random, and no head was told where to look."
    settings: ClassVar[Mapping[str, Any]] = {"distances": DISTANCES, "most_graphs": MOST_GRAPHS}
    order = 30

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        yellow = Recolour("man", "shirt", "yellow")
        with_man = held_out(lambda scene: scene.the("man") is not None)
        return ((str(recipe.seed), recipe.changed(yellow)) for recipe in with_man)

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        layers = model.card.attention_layers[-max(1, MOST_GRAPHS // model.card.heads) :]

        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            drawing = draw(recipe.scene())
            answer = asked.answer_to(model, QUESTION, drawing.image, cancel)
            token = asked.key_target(answer).tokens[0]
            graphs: list[CausalGraph] = []
            for layer in layers:
                graphs += layer_graphs(model, answer, token, layer, cancel=cancel)
            shirt = set(covered_patches(drawing.mask("man", "shirt"), answer.layout, share=0.5))
            patches = sum(len(view.positions) for view in answer.layout.views)
            values: dict[str, Any] = {"area": len(shirt) / patches if patches else None}
            cases, rates = [(answer, graph) for graph in graphs], []
            known = MaskedSets(model, Masking())
            for radius in DISTANCES:
                rates.append(flip_rates(model, cases, radius, Masking(), known=known, cancel=cancel))
                changed = {name: number(getattr(rates[-1], name).share) for name in SETS}
                values[str(radius)] = {**changed, "on_shirt": _on_shirt(graphs, radius, shirt)}
            return Sample(values, _examples(answer, recipe, graphs, rates))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        changed = {
            radius: {name: mean(column(measurements, str(radius), name)) for name in SETS} for radius in DISTANCES
        }
        nearest = changed[DISTANCES[0]]["explanation"]
        explanation, random, attention = changed[DISTANCES[-1]].values()
        return Conclusion(
            {
                "more often than random sets": exceeds(explanation, random),
                "more often than at the shortest distance": exceeds(explanation, nearest),
            },
            f"Masking an explanation set at distance {DISTANCES[-1]} changes the word in {explanation.value:.1%} of "
            f"the sets (at distance {DISTANCES[0]} in {nearest.value:.1%}), as many random patches in "
            f"{random.value:.1%}{_mostly(explanation)}. As many of the most attended patches do so in "
            f"{attention.value:.1%}: {_beside_attention(explanation, attention)}.",
            tuple(_figures(measurements, changed)),
        )


def _on_shirt(graphs: Sequence[CausalGraph], radius: int, shirt: set[int]) -> float | None:
    """The mean over graphs of the share of a set's patches that are on the shirt; None where no set has a patch."""
    sets = [image_positions(graph, graph.explanation.within(radius)) for graph in graphs]
    shares = [len(shirt & set(patches)) / len(patches) for patches in sets if patches]
    return float(np.mean(shares)) if shares else None


def _examples(
    answer: Answer, recipe: SceneRecipe, graphs: Sequence[CausalGraph], rates: Sequence[FlipRates]
) -> tuple[Example, ...]:
    """The sets of the head whose masking moved the word furthest beyond chance (a favourable choice), one example for
    each distance."""
    target = asked.key_target(answer)
    ranked = rates[-1].ranked()
    if not ranked:
        return (Example("no set has a patch", answer, target, recipe),)
    best = ranked[0]
    graph = next(one for one in graphs if (one.layer, one.head) == (best.layer, best.head))
    distance = graph.explanation.tree.distance
    examples = []
    for radius, at in zip(DISTANCES, rates, strict=True):
        nodes = [node for node in graph.explanation.within(radius) if image_positions(graph, (node,))]
        flip = next((one for one in at.flips if (one.layer, one.head) == (best.layer, best.head)), None)
        notes = (
            f"Head {graph.head} of layer {graph.layer}, chosen because its sets move the word furthest: "
            f"{len(graph.explanation.within(radius))} tokens, {len(nodes)} of them patches.",
            "Not masked: no patch, or nearly all." if flip is None else f"Masked: {asked.told(flip.explanation)}.",
        )
        marked = {graph.nodes[node].position: distance[node] for node in nodes}
        examples.append(Example(f"distance {radius}", answer, target, recipe, marked=marked, notes=notes))
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


def _figures(measurements: Sequence[Measurement], changed: Mapping[int, Mapping[str, Estimate]]) -> Iterator[Figure]:
    """How often the word changes at each distance, and how much of the set is on the shirt; means over scenes."""
    area = mean(column(measurements, "area"))
    for radius, rates in changed.items():
        named = {SETS[name]: rate for name, rate in rates.items()}
        explanation = {"explanation": named.pop("explanation")}
        yield from beside(f"distance {radius}: the word changes when the set is masked", explanation, named)
        on_shirt = mean(column(measurements, str(radius), "on_shirt"))
        what = f"distance {radius}: share of the set's patches on the shirt"
        yield from beside(what, {"explanation": on_shirt}, {"of all patches": area})
