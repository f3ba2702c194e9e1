"""Does the map of log-probability increase find what attention does not?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean as mean_of
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Explanation
from ..cases import key_word as asked
from ..cases.case import Case
from ..cases.scoring import is_right
from ..cases.street import recipe_of, street_cases
from ..evidence.controls import centre_map, random_maps
from ..evidence.evaluate import evaluate
from ..evidence.location import marked_in
from ..evidence.metric import MapUnderTest
from ..evidence.ranking import gathered_scores, places
from ..evidence.registry import map_metrics
from ..evidence.settings import EvidenceSettings
from ..explainers.logprob_increase import LogprobIncrease
from ..explainers.raw_attention import RawAttention
from ..explainers.run import explain
from ..masking.patches import COVERED_SHARE
from ..statistics.bootstrap import mean
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Figure, Measurement, column, number
from .verdict import positive

INCREASE, ATTENTION = LogprobIncrease(), RawAttention()
RANDOM, CENTRE = "random order", "middle of the picture"
SETTINGS = EvidenceSettings(fill="both", steps=4, draws=2, deciding=0)
"""Its own, and not the league's: what comes with Sightline is measured again with what it was measured with."""
METRICS = ("pointing", "energy", "deletion", "insertion")
DECIDING = ("pointing", "deletion")


class PatchMaps(Claim[Case]):
    """Two maps of the same words, held against the drawing and tested by taking patches away."""

    key = "patch_maps"
    name = "Patch maps of log-probability increase beat attention"
    says = (
        "Which patches an answer rests on is told better by the log-probability increase of what heads take from each "
        "patch than by attention averaged over heads."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering, section 5"
    )
    link = "https://arxiv.org/abs/2411.10950"
    measured = (
        "Colour questions answered right, the map of the colour word by both methods at their default settings (the "
        "increase summed over the 10 heads with the largest; attention averaged over all heads and layers): the "
        "pointing game (a hit: more than 5 % of the highest patch's pixels) and the energy on the thing's own pixels, "
        "and deletion and insertion (8 points), patches replaced by black and by blur."
    )
    control = "The same pictures in random orders of their patches, and from the middle outwards."
    rule = (
        "Reproduces where the increase is better than attention in the pointing game and in deletion, and in both "
        "better than random orders: all 95 % intervals of paired differences on the right side of zero."
    )
    caveat = (
        "Pointing asks whether a person finds the thing there, which the model need not look at alone; deletion shows "
        "it pictures with holes. Attention of one head or layer may do better than the average, as may the increase of "
        "fewer heads."
    )
    settings: ClassVar[Mapping[str, Any]] = {
        name: value for name, value in asdict(SETTINGS).items() if name != "deciding"
    }
    order = 80

    def subjects(self) -> Iterator[tuple[str, Case]]:
        return ((case.id, case) for case in street_cases(sys.maxsize, ("object colour",)))

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[Case]:
        def measured(case: Case, cancel: CancelToken | None) -> Sample:
            answer = asked.answer_to(model, case.question, case.asked().images[0], cancel)
            target, recipe = asked.key_target(answer), recipe_of(case)
            if not is_right(case, answer.text):
                return Sample(None, (Example("answered wrong", answer, target, recipe),))
            maps = [explain(method, model, answer, [target], cancel=cancel)[0] for method in (INCREASE, ATTENTION)]
            own, other = evaluate(model, answer, maps, truth=case.truth, settings=SETTINGS, cancel=cancel)
            if cancel is not None:
                cancel.check()
            orders = {INCREASE.name: own.tested, ATTENTION.name: other.tested, CENTRE: own.centre}
            values = {name: {key: number(one.figures[key].value) for key in METRICS} for name, one in orders.items()}
            values[RANDOM] = {key: number(mean_of([one.figures[key].value for one in own.random])) for key in METRICS}
            for name, hit in _touching(model, answer, maps, case).items():
                values[name]["pointing"] = number(hit)
            examples = tuple(
                Example(name, answer, target, recipe, map_, notes=(_note(values[name]),))
                for name, map_ in zip((INCREASE.name, ATTENTION.name), maps, strict=True)
            )
            return Sample(values, examples)

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        figures: list[Figure] = []
        conditions = {}
        for key in METRICS:
            metric, unit = map_metrics()[key], map_metrics()[key].unit
            own = column(measurements, INCREASE.name, key)
            sign = 1 if metric.better == "higher" else -1
            what = f"{metric.name} ({metric.better} is better)"
            figures.append(Figure(what, INCREASE.name, mean(own, unit)))
            for name in (ATTENTION.name, RANDOM, CENTRE):
                other = column(measurements, name, key)
                ahead = mean(sign * (own - other), unit)
                figures.append(Figure(what, name, mean(other, unit), control=name in (RANDOM, CENTRE)))
                figures.append(Figure(f"{metric.name}: how much better", f"than {name}", ahead))
                if key in DECIDING and name != CENTRE:
                    conditions[f"{metric.name.lower()} better than {name.lower()}"] = positive(ahead)
        return Conclusion(conditions, " ".join(_told(measurements, key) for key in METRICS), tuple(figures))


def _touching(model: VisionLanguageModel, answer: Answer, maps: Sequence[Explanation], case: Case) -> dict[str, float]:
    """The pointing game as this claim was first measured: whether more than `COVERED_SHARE` of the highest patch is on
    the thing; among equally high patches the share of those. Nothing where the thing cannot be seen."""
    positions = places(answer.layout)
    marked = marked_in(answer, positions, case.truth, 0)
    if marked is None:
        return {}

    def touches(scores: Float[np.ndarray, "patch"]) -> float:
        support = MapUnderTest(scores, (), marked).support
        return float((marked.shares[support == support.max()] > COVERED_SHARE).mean())

    random = random_maps(answer, positions, SETTINGS.draws, 0, SETTINGS.seed)
    return {
        INCREASE.name: touches(gathered_scores(maps[0], answer.layout, positions)),
        ATTENTION.name: touches(gathered_scores(maps[1], answer.layout, positions)),
        RANDOM: mean_of([touches(scores) for scores in random]),
        CENTRE: touches(centre_map(model, answer, maps[0].target, positions)),
    }


def _told(measurements: Sequence[Measurement], key: str) -> str:
    """One metric in a sentence."""
    metric = map_metrics()[key]
    values = ", ".join(
        f"{name} {mean(column(measurements, name, key)).value:.3f}"
        for name in (INCREASE.name, ATTENTION.name, RANDOM, CENTRE)
    )
    return f"{metric.name} ({metric.better} is better): {values}."


def _note(figures: Mapping[str, float | None]) -> str:
    """One map's figures."""
    told = [
        f"{map_metrics()[key].name} {'–' if value is None else f'{value:.2f}'}"
        for key, value in ((key, figures[key]) for key in METRICS)
    ]
    return f"{', '.join(told)}."
