"""A result of every kind about one answer, computed as cheaply as it goes, with what a run keeps beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.answer import Answer, RegionMask, Target
from core.attention.sink_origin import sink_origins
from core.attention.sinks import find_sinks
from core.attention.tower import tower_figures, tower_looks, tower_read
from core.cases.adapter import sides
from core.cases.audit import audit
from core.causal.discovery import causal_graph
from core.causal.explanation_test import Masking, explanation_test
from core.causal.heads import heads_tests
from core.causal.reasking import ask_without
from core.causal.settings import GraphSettings
from core.circuits.circuit import find_circuit
from core.circuits.path_patching import path_patching
from core.circuits.told import rows_of
from core.doubt.content import content_words
from core.doubt.measure import measure as measure_doubt
from core.evidence.dependence import image_dependence
from core.evidence.evaluate import evaluate
from core.evidence.modalities import evaluate_modalities
from core.evidence.modality_settings import ModalitySettings
from core.evidence.randomisation import randomise
from core.evidence.settings import EvidenceSettings
from core.explainers.registry import explainers
from core.explainers.relevancy import relevancy_by_layer
from core.explainers.run import explain
from core.mechanisms.ablation import ablation_curves, head_means
from core.mechanisms.attribution import attribute
from core.mechanisms.contributions import contributions
from core.mechanisms.corruption import Noise
from core.mechanisms.groups import groups
from core.mechanisms.knockout import Cut, cut_curve, knockout_curves
from core.mechanisms.lens import lens
from core.mechanisms.logprob_increase import head_increases, source_increases, top_heads
from core.mechanisms.patch_agreement import patch_agreement
from core.mechanisms.patch_effects import patch_effects
from core.mechanisms.registry import mechanisms
from core.mechanisms.run import measure
from core.mechanisms.tracing import trace
from core.mechanisms.vocabulary import read_heads
from core.perturb.outcomes import outcomes
from core.perturb.perturbation import HiddenPatches, HiddenPixels, HiddenTokens
from core.perturb.reask import reask_under
from core.remedies.registry import remedies
from core.remedies.run import try_remedy
from core.runs import kinds
from core.runs.kinds import RunKind
from core.vlm.loading import ModelSpec
from core.vlm.model import VisionLanguageModel
from core.vlm.targets import token_targets_of

Kept = tuple[RunKind[Any], Mapping[str, Any], Any]


def made(model: VisionLanguageModel, answer: Answer, target: Target) -> list[Kept]:
    """Each kind but that of videos, what is kept of what it is of, and the result."""
    token_targets = token_targets_of(answer, target)
    token, about = target.tokens[0], {"target": target}
    patches = answer.layout.views[0].positions
    [map_] = explain(explainers()["input_gradient"], model, answer, [target])
    mapped = {**about, "method": map_.method, "map_settings": map_.settings}
    [evidence] = evaluate(model, answer, [map_], settings=EvidenceSettings(fill="black", steps=2, draws=1))
    modalities = evaluate_modalities(model, answer, map_, settings=ModalitySettings(steps=2, draws=1))
    [randomised] = randomise(model, answer, [map_], stages=1)
    settings = GraphSettings(image_tokens=8, text_tokens=4)
    graph = causal_graph(model, answer, token, 4, 1, settings)
    of_graph = {"token": token, "layer": 4, "head": 1, "settings": settings}
    [heads] = heads_tests(model, answer, token, {4: range(model.card.heads)}, settings, 1, Masking(), randoms=2)
    image = answer.question.images[0]
    hidden = np.zeros((image.height, image.width), dtype=bool)
    hidden[:80, 20:90] = True
    changes = [HiddenTokens(frozenset(patches[:6])), HiddenPatches(frozenset(patches[:3]), "mean")]
    wordings = [answer.question.with_text(text) for text in ("What color is the house?", 'Is the house "red"?')]
    mechanism = mechanisms()["head_contributions"]
    written = contributions(model, answer, token_targets)
    increases = head_increases(model, written).mean(0)
    rankings = {"increase": top_heads(increases, 4)}
    at = [answer.predicting_position(token) - 1, answer.predicting_position(token)]
    words = [answer.tokens[token].id]
    by_name = {group.name: group for group in groups(answer, token_targets)}
    cuts = [Cut(by_name["last"], by_name["image"]), Cut(by_name["last"], by_name["question"])]
    knocked = knockout_curves(model, answer, target, cuts, 3)
    noise, places = Noise(by_name["image"].positions, 3.0, 2), [by_name["image"], by_name["last"]]
    noise_of_one = Noise(by_name["image"].positions, 3.0, 1)
    effects = patch_effects(model, answer, target, noise_of_one)
    circuit = find_circuit(model, answer, target, noise_of_one, steps=1, draws=1)
    strongest = next((str(row["from"]), str(row["to"])) for row in rows_of(circuit))
    tuned = ModelSpec("org/model", adapter="/home/somebody/adapter")
    tower = tower_read(model, answer)
    assert tower is not None
    return [
        (kinds.EXPLANATION, mapped, map_),
        (kinds.EVIDENCE, mapped, evidence),
        (kinds.MODALITIES, mapped, modalities),
        (kinds.RANDOMISED, {**mapped, "stages": 1}, randomised),
        (kinds.IMAGE_DEPENDENCE, {}, image_dependence(model, answer)),
        (kinds.DOUBT, {}, measure_doubt(model, answer, [word.tokens for word in content_words(answer)])),
        (kinds.RELEVANCY_TRACE, about, relevancy_by_layer(model, answer, token_targets).mean(0).numpy()),
        (kinds.GRAPH, of_graph, graph),
        (kinds.EXPLANATION_TEST, of_graph, explanation_test(model, answer, graph, 1, cap=8, randoms=2)),
        (kinds.HEADS_TEST, {}, heads),
        (kinds.HEADS_SAMPLE, {}, heads),
        (kinds.REASKED, {}, reask_under(model, answer, HiddenPixels((RegionMask(hidden, "blur"),)))),
        (kinds.OUTCOMES, about, tuple(outcomes(model, answer, token_targets, changes))),
        (kinds.AUDIT, {}, audit(model, wordings)),
        (kinds.MEASUREMENT, about, measure(mechanism, model, answer, target, mechanism.Settings(first=2))),
        (kinds.ATTRIBUTION, about, attribute(model, written)),
        (kinds.HEAD_INCREASES, {"token_targets": token_targets}, increases.numpy()),
        (kinds.SOURCE_INCREASES, {**about, "head": (5, 1)}, source_increases(model, written, [(5, 1)]).mean(0)[0]),
        (kinds.HEAD_READING, about, read_heads(model, answer, written, [(5, 1)])[0]),
        (
            kinds.READING,
            {"positions": at, "layers": [2, 5], "words": words},
            lens(model, answer, at, [2, 5], words=words),
        ),
        (
            kinds.ABLATION,
            about,
            ablation_curves(model, answer, target, rankings, [1, 2], head_means(model, [answer]), draws=2),
        ),
        (kinds.KNOCKOUT, about, knocked),
        (kinds.CUT_CURVE, {**about, "cut": "image → last"}, cut_curve(model, knocked)),
        (kinds.TRACE, about, trace(model, answer, target, noise, places, layers=[1, 4])),
        (kinds.PATCH_EFFECTS, about, effects),
        (kinds.PATCH_AGREEMENT, about, patch_agreement(model, answer, effects, 2)),
        (kinds.CIRCUIT, about, circuit),
        (kinds.PATCHED_EDGES, about, path_patching(model, answer, target, noise_of_one, [strongest])),
        (kinds.SINKS, {}, find_sinks(answer)),
        (kinds.SINK_ORIGINS, {}, sink_origins(model, answer, find_sinks(answer))),
        (kinds.TOWER, {"image": 0}, tower_figures(tower, answer.layout, 0)),
        (
            kinds.TOWER_LOOKS,
            {"image": 0, "head": (1, 1), "patches": (3, 4), "received": True},
            tower_looks(tower, answer.layout, 0, (1, 1), (3, 4), True),
        ),
        (kinds.REMEDIED, {}, try_remedy(model, answer, remedies()["image_attention"])),
        (kinds.SIDES, {"spec": tuned}, sides(model, model, answer.question, "orange")),
        (
            kinds.REASKED_WITHOUT,
            {"token": token, "positions": patches[:3], "fill": "mean"},
            ask_without(model, answer, token, patches[:3], "mean"),
        ),
        (kinds.ATTENTION_ROWS, {"positions": at}, model.attention_rows(answer, at).cpu()),
    ]
