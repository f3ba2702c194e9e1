"""(e) Does the map of log-probability increase find what attention does not?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from ...evidence.evaluate import evaluate
from ...evidence.registry import map_metrics
from ...evidence.settings import EvidenceSettings
from ...explainers.logprob_increase import LogprobIncrease
from ...explainers.raw_attention import RawAttention
from ...explainers.run import explain
from ...statistics.bootstrap import mean
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..case import Case
from ..scoring import is_right
from ..street import street_cases
from ..studies import readings as studied
from .finding import Conclusion, Finding, Quantity, Reader, Reading, column, quantity, unmet

INCREASE, ATTENTION = LogprobIncrease(), RawAttention()
RANDOM, CENTRE = "random order", "middle of the picture"
SETTINGS = EvidenceSettings(fill="both", steps=4, draws=2)
"""Its own, and not the league's: what comes with Sightline is measured again with what it was measured with."""
METRICS = ("pointing", "energy", "deletion", "insertion")
DECIDING = ("pointing", "deletion")


class PatchMaps(Finding[Case]):
    """Two maps of the same words, held against the drawing and tested by taking patches away."""

    key = "patch_maps"
    title = "Patch maps of log-probability increase beat attention"
    claim = (
        "Which patches an answer rests on is told better by the log-probability increase of what heads take from each "
        "patch than by attention averaged over heads."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering, section 5"
    )
    measured = (
        "Colour questions answered right, the map of the colour word by both methods at their default settings (the "
        "increase summed over the 10 heads with the largest; attention averaged over all heads and layers): the "
        "pointing game and the energy on the thing's own pixels, and deletion and insertion, patches replaced by black "
        "and by blur."
    )
    baseline = "The same pictures in random orders of their patches, and from the middle outwards."
    rule = (
        "Reproduces where the increase is better than attention in the pointing game and in deletion, and in both "
        "better than random orders: all 95 % intervals of paired differences on the right side of zero."
    )
    caveat = (
        "Pointing asks whether a person finds the thing there, which the model need not look at alone; deletion shows "
        "it pictures with holes. Attention of one head or layer may do better than the average, as may the increase of "
        "fewer heads."
    )
    settings: ClassVar[Mapping[str, Any]] = asdict(SETTINGS)

    def subjects(self, scenes: int) -> Iterator[tuple[str, Case]]:
        return ((case.id, case) for case in street_cases(scenes, ("object colour",)))

    def reader(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Reader[Case]:
        def read(case: Case, cancel: CancelToken | None) -> Reading | None:
            answer = studied.answer_to(model, case.question, case.asked().images[0], cancel)
            if not is_right(case, answer.text):
                return None
            target = studied.key_target(answer)
            maps = [explain(method, model, answer, [target], cancel=cancel)[0] for method in (INCREASE, ATTENTION)]
            own, other = evaluate(model, answer, maps, truth=case.truth, settings=SETTINGS, cancel=cancel)
            if cancel is not None:
                cancel.check()
            found = {INCREASE.name: own.tested, ATTENTION.name: other.tested, CENTRE: own.centre}
            reading = {name: {key: one.figures[key].value for key in METRICS} for name, one in found.items()}
            return reading | {RANDOM: {key: own.chance(key) for key in METRICS}}

        return read

    def conclude(self, readings: Sequence[Reading]) -> Conclusion:
        figures: list[Quantity] = []
        deciding = {}
        for key in METRICS:
            metric, unit = map_metrics()[key], map_metrics()[key].unit
            own = column(readings, INCREASE.name, key)
            sign = 1 if metric.better == "higher" else -1
            what = f"{metric.name} ({metric.better} is better)"
            figures.append(quantity(what, INCREASE.name, mean(own), unit))
            for name in (ATTENTION.name, RANDOM, CENTRE):
                beside = column(readings, name, key)
                ahead = mean(sign * (own - beside))
                figures.append(quantity(what, name, mean(beside), unit, control=name in (RANDOM, CENTRE)))
                figures.append(quantity(f"{metric.name}: how much better", f"than {name}", ahead, unit))
                if key in DECIDING and name != CENTRE:
                    deciding[f"{metric.name.lower()} better than {name.lower()}"] = ahead.low > 0
        return Conclusion(
            all(deciding.values()),
            " ".join(_told(readings, key) for key in METRICS) + unmet(deciding),
            tuple(figures),
        )


def _told(readings: Sequence[Reading], key: str) -> str:
    """One metric in a sentence."""
    metric = map_metrics()[key]
    values = ", ".join(
        f"{name} {mean(column(readings, name, key)).value:.3f}"
        for name in (INCREASE.name, ATTENTION.name, RANDOM, CENTRE)
    )
    return f"{metric.name} ({metric.better} is better): {values}."
