"""Is the ranking of heads true: does the word fall when the first heads are taken away?"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Head, Target, TokenKind
from ..cases import key_word as asked
from ..cases.case import Case
from ..cases.scoring import is_right
from ..cases.street import held_out, recipe_of, street_cases
from ..mechanisms.ablation import head_means, without_heads
from ..mechanisms.attribution import attribute
from ..mechanisms.contributions import contributions
from ..mechanisms.logprob_increase import head_increases, top_heads
from ..perturb.outcomes import outcomes
from ..perturb.perturbation import NetworkEdits
from ..perturb.prediction import Outcome
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..statistics.proportion import share
from ..street import questions
from ..street.draw import draw
from ..vlm.cancel import CancelToken
from ..vlm.edits import first_layer
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import token_targets_of
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Figure, Measurement, column
from .verdict import positive

COUNTS = (1, 2, 4, 8)
DRAWS = 4
REFERENCES = 30
QUOTED = 4
"""How many heads the sentence speaks of."""
INCREASE, USUAL, ATTENTION, DIRECT = "increase", "usual increase", "attention to the picture", "direct attribution"
RANKINGS = (INCREASE, USUAL, ATTENTION, DIRECT)
RANDOM = "random heads"
INSTEAD = {"zero": "nothing", "mean": "their mean"}


class TrueRanking(Claim[Case]):
    """Ablation of the first heads of several rankings."""

    key = "true_ranking"
    name = "Heads with a large log-probability increase are needed"
    says = (
        "The heads with the largest log-probability increase are those that the answer needs: without the first of "
        "them its word falls further than without others."
    )
    paper = (
        "Yu and Ananiadou 2024, Neuron-Level Knowledge Attribution in Large Language Models (section 3.2), and "
        "Understanding Multimodal LLMs"
    )
    link = "https://arxiv.org/abs/2312.12141"
    measured = (
        "Colour questions answered right: the change of the colour word's log-probability, and whether it is still the "
        f"first, with {', '.join(map(str, COUNTS))} heads replaced at every position by nothing, or by their mean over "
        f"{REFERENCES} answers about other scenes. Heads are ranked by the increase of this answer, and by the mean "
        "increase over those other answers (the usual increase)."
    )
    control = (
        f"As many random heads ({DRAWS} draws for each answer); the heads that look at the picture most where the word "
        "is predicted; the heads with the largest direct logit attribution."
    )
    rule = (
        f"Reproduces where the fall, averaged over {', '.join(map(str, COUNTS))} heads, is larger than for random "
        "heads with both replacements, the 95 % interval of the paired difference above zero. Whether it is also "
        "larger than for the other two rankings is told beside it."
    )
    caveat = (
        "The increase counts what a head writes straight into the prediction. Heads that feed others are needed, too, "
        "and a ranking may miss them; others may take over from a head that is gone. Replaced heads leave states the "
        "model never saw in training."
    )
    settings: ClassVar[Mapping[str, Any]] = {"counts": COUNTS, "draws": DRAWS, "references": REFERENCES}
    order = 70

    def subjects(self) -> Iterator[tuple[str, Case]]:
        return ((case.id, case) for case in street_cases(sys.maxsize, ("object colour",)))

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[Case]:
        references = list(_references(model, cancel))
        means = head_means(model, references)
        increases = [asked.head_increases_of(model, one, asked.key_target(one), cancel) for one in references]
        usual = torch.from_numpy(np.mean(increases, axis=0))

        def measured(case: Case, cancel: CancelToken | None) -> Sample:
            answer = asked.answer_to(model, case.question, case.asked().images[0], cancel)
            word, recipe = asked.key_target(answer), recipe_of(case)
            if not is_right(case, answer.text):
                return Sample(None, (Example("answered wrong", answer, word, recipe),))
            target = Target(word.tokens[:1])
            scores = _scores(model, answer, target, cancel) | {USUAL: usual}
            orders = [top_heads(scores[name], max(COUNTS)) for name in RANKINGS] + _random(model, case.id)
            filled = {"zero": None, "mean": means}
            sets = [without_heads(order[:k], filled[how]) for how in INSTEAD for order in orders for k in COUNTS]
            became = _outcomes(model, answer, target, sets, cancel)
            shape = (len(INSTEAD), len(orders), len(COUNTS))
            change = np.array([outcome.change for outcome in became]).reshape(shape)
            kept = np.array([not outcome.flipped for outcome in became], dtype=float).reshape(shape)
            values = {
                how: {"change": _named(change[row]), "kept": _named(kept[row])} for row, how in enumerate(INSTEAD)
            }
            return Sample(values, (Example("asked of the picture", answer, word, recipe, notes=_notes(values)),))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        figures: list[Figure] = []
        further, told = {}, []
        for how in INSTEAD:
            figures += _curves(measurements, how)
            falls = {name: column(measurements, how, "change", name).mean(1) for name in (*RANKINGS, RANDOM)}
            for name in (RANDOM, ATTENTION, DIRECT, USUAL):
                further[how, name] = mean(falls[name] - falls[INCREASE], "nats")
                what = f"further fall without the heads of largest increase, for {INSTEAD[how]}"
                figures.append(Figure(what, f"than {name}", further[how, name]))
            left = {
                name: column(measurements, how, "kept", name)[:, COUNTS.index(QUOTED)].mean()
                for name in (*RANKINGS, RANDOM)
            }
            shares = ", ".join(f"{left[name]:.0%} ({name})" for name in (INCREASE, RANDOM, ATTENTION, DIRECT))
            told.append(f"with {QUOTED} heads replaced by {INSTEAD[how]} the word stays first in {shares}")
        others = ", ".join(
            f"{name} {' and '.join(_told(further[how, name]) for how in INSTEAD)}"
            for name in (RANDOM, ATTENTION, DIRECT, USUAL)
        )
        return Conclusion(
            {
                f"further than random heads, replaced by {INSTEAD[how]}": positive(further[how, RANDOM])
                for how in INSTEAD
            },
            f"Of {len(measurements)} right answers, {'; '.join(told)}. Averaged over the counts, the further fall in "
            f"nats (nothing and mean) is, beside {others}. The usual increase ranks by other answers alone; where it "
            "says minus, the heads of the other ranking are needed more.",
            tuple(figures),
        )


def _references(model: VisionLanguageModel, cancel: CancelToken | None) -> Iterator[Answer]:
    """Answers to colour questions about scenes that are not measured."""
    pairs = (
        (recipe.scene(), questions.color(recipe.scene(), random.Random(recipe.seed)))
        for recipe in held_out(lambda scene: bool(scene.items))
    )
    known = ((scene, pair) for scene, pair in pairs if pair is not None)
    for scene, pair in islice(known, REFERENCES):
        yield asked.answer_to(model, pair.question, draw(scene).image, cancel)


def _scores(
    model: VisionLanguageModel, answer: Answer, target: Target, cancel: CancelToken | None
) -> dict[str, Float[Tensor, "layers heads"]]:
    """What each ranking says of every head."""
    written = contributions(model, answer, token_targets_of(answer, target), cancel=cancel)
    images = list(answer.layout.positions(TokenKind.IMAGE))
    looked = torch.stack([parts.attention[:, 0, images].sum(-1) for parts in written.layers])
    looked[list(written.without_attention)] = float("nan")
    return {
        INCREASE: head_increases(model, written, cancel=cancel)[0],
        ATTENTION: looked.float().cpu(),
        DIRECT: attribute(model, written).heads[0],
    }


def _random(model: VisionLanguageModel, name: str) -> list[list[Head]]:
    """All heads in several random orders, the same for the same case."""
    heads = [(layer, head) for layer in model.card.attention_layers for head in range(model.card.heads)]
    rng = random.Random(f"random heads {name}")
    return [rng.sample(heads, max(COUNTS)) for _ in range(DRAWS)]


def _outcomes(
    model: VisionLanguageModel, answer: Answer, target: Target, sets: Sequence[NetworkEdits], cancel: CancelToken | None
) -> list[Outcome]:
    """The outcome of each set, in order. Raises Cancelled."""
    order = sorted(range(len(sets)), key=lambda index: first_layer(sets[index].changes, model.card.layers))
    token_targets = token_targets_of(answer, target)
    ended = list(outcomes(model, answer, token_targets, [sets[index] for index in order], cancel=cancel))
    if cancel is not None:
        cancel.check()
    return [outcome for _, outcome in sorted(zip(order, ended, strict=True), key=lambda pair: pair[0])]


def _named(values: Float[np.ndarray, "order count"]) -> dict[str, list[float]]:
    """One row for each ranking, and the mean of the random orders."""
    rows = {name: values[row].tolist() for row, name in enumerate(RANKINGS)}
    return rows | {RANDOM: values[len(RANKINGS) :].mean(0).tolist()}


def _told(further: Estimate) -> str:
    """A difference, and whether it may be none."""
    return f"{further.value:+.2f}{'' if further.low > 0 or further.high < 0 else ' (may be none)'}"


def _notes(values: Measurement) -> tuple[str, ...]:
    """What becomes of one answer's word without the first heads of two rankings."""
    at = COUNTS.index(QUOTED)
    return tuple(
        f"{QUOTED} heads replaced by {INSTEAD[how]}: {values[how]['change'][INCREASE][at]:+.2f} nats (random heads "
        f"{values[how]['change'][RANDOM][at]:+.2f})."
        for how in INSTEAD
    )


def _curves(measurements: Sequence[Measurement], how: str) -> Iterator[Figure]:
    """By the number of heads: the change of the word, and how often it stays the first."""
    for name in (*RANKINGS, RANDOM):
        change, kept = (column(measurements, how, part, name) for part in ("change", "kept"))
        for index, heads in enumerate(COUNTS):
            fallen = mean(change[:, index], "nats")
            left = mean(kept[:, index]) if name == RANDOM else share(kept[:, index] > 0)
            for what, estimate in (("change of log p", fallen), ("the word stays first", left)):
                named = f"{what}, heads replaced by {INSTEAD[how]}"
                yield Figure(named, name, estimate, float(heads), "number of heads", control=name == RANDOM)
