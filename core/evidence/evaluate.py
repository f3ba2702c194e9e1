"""Testing maps of one answer: every picture with hidden patches is read once, whoever asks for it.

What badges quote is read first, of the maps and of their controls, then every point of the curves for all of them: a
test that is stopped has something to compare.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float, Int

from ..answer import Answer, Explanation
from ..errors import NotApplicable
from ..perturb.outcomes import outcomes
from ..settings import checked
from ..vlm.batch_size import images_at_once, once_more
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.memory_costs import check_memory, picture_pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import over_images
from ..vlm.targets import TokenTarget, check_own, token_targets_of
from .controls import centre_map, random_maps
from .curves import Readings, curves, variants
from .location import Truth, coverage
from .metric import MapUnderTest
from .ranking import falling, gathered_scores, generator, places, tops
from .registry import map_metrics
from .result import Evidence, Result
from .settings import EvidenceSettings


@stoppable
def evaluate(
    model: VisionLanguageModel,
    answer: Answer,
    explanations: Sequence[Explanation],
    *,
    truth: Truth | None = None,
    image: int = 0,
    settings: EvidenceSettings | None = None,
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> list[Evidence]:
    """Test explanations of an answer. `truth` marks the pixels of picture `image` that should have been found; without
    it (or with nothing marked) the metrics that need it are left out.

    Stopped by `cancel`, what was done is returned (`complete` below 1), or Cancelled raised if that is nothing. Raises
    OtherModel, NotApplicable, NotEnoughMemory, and ValueError for settings out of range and a mask of another size.
    """
    settings = checked(settings or EvidenceSettings(), model.card.layers, model.card.heads)
    answer = explained_answer(answer, explanations)
    check_testable(model, answer)
    needed = (1 + images_at_once(model, answer)) * picture_pass_bytes(model, answer)
    check_memory("Testing a map", needed, model, "Use a smaller picture, or free memory.")
    if not explanations:
        return []
    began = time.perf_counter()
    positions = places(answer.layout)
    trial = _Trial(answer, positions, coverage(answer, positions, truth, image), settings)
    maps = [trial.ranked(gathered_scores(explanation, answer.layout, positions)) for explanation in explanations]
    random = [trial.ranked(scores) for scores in random_maps(answer, positions, settings)]
    centre = trial.ranked(centre_map(model, answer, explanations[0].target, positions))
    targets = [token_targets_of(answer, explanation.target) for explanation in explanations]
    every = list(dict.fromkeys(token_target for target in targets for token_target in target))
    orders = [ranked.order for ranked in (*maps, *random, centre)]
    wanted = list(dict.fromkeys(variants(orders, positions, trial.counts, settings.fills)))

    def read() -> Readings:
        each = outcomes(model, answer, every, wanted, cancel=cancel, progress=progress)
        return {variant: outcome.after for variant, outcome in zip(wanted, each, strict=False)}

    readings = once_more("Testing a map", model, read)
    if not readings:
        raise Cancelled("testing a map was stopped")
    return [
        Evidence(
            target=explanation.target,
            method=explanation.method,
            tested=trial.result(readings, target, ranked),
            random=tuple(trial.result(readings, target, control) for control in random),
            centre=trial.result(readings, target, centre),
            settings=asdict(settings),
            seconds=time.perf_counter() - began,
            together=len(explanations),
            complete=len(readings) / len(wanted),
        )
        for explanation, target, ranked in zip(explanations, targets, maps, strict=True)
    ]


def expected(
    model: VisionLanguageModel, answer: Answer, maps: int, settings: EvidenceSettings | None = None
) -> Forecast:
    """How long testing so many maps of an answer will take here: a whole pass for every picture that is read."""
    settings = settings or EvidenceSettings()
    fills, patches = len(settings.fills), len(places(answer.layout))
    between = len([count for count in tops(patches, settings.steps) if 0 < count < patches])
    orders = maps + settings.draws + 1
    return forecast(model, answer, over_images(1 + fills + 2 * fills * between * orders))


def explained_answer(answer: Answer, explanations: Sequence[Explanation]) -> Answer:
    """The answer with what the explanations' scores are of: its image tokens, or squares of the pictures. Raises
    NotApplicable where they are of different things."""
    layouts = {explanation.about(answer).layout for explanation in explanations}
    if len(layouts) > 1:
        raise NotApplicable(
            "Some of these maps are of image tokens and some of squares of the picture, so no patches are common to "
            "them. Test them apart."
        )
    return explanations[0].about(answer) if explanations else answer


def check_testable(model: VisionLanguageModel, answer: Answer) -> None:
    """Raises OtherModel, and NotApplicable for an answer whose patches cannot be taken away one by one."""
    check_own(model, answer)
    if not answer.tokens:
        raise NotApplicable("The answer is empty, so there is nothing to test. Ask something else.")
    if not answer.question.images:
        raise NotApplicable(
            "This question has no picture, so there are no patches to take away. Ask about a picture; which words an "
            "answer rests on can be tested by leaving them out of the question."
        )
    if not answer.layout.views:
        raise NotApplicable(
            f"Where the image tokens of {model.card.family} models are in the picture is not known, so no patch of it "
            "can be taken away in the order of their scores. Explain by hiding pixels: such a map can be tested. How "
            "much each word of the answer depends on the whole picture can still be measured."
        )


@dataclass(frozen=True, eq=False)
class _Ranked:
    """A map's score of each patch, and the patches in falling order."""

    scores: Float[np.ndarray, "patch"]
    order: Int[np.ndarray, "patch"]


@dataclass(frozen=True, eq=False)
class _Trial:
    """What the maps of one answer are tested with."""

    answer: Answer
    places: tuple[int, ...]
    truth: Float[np.ndarray, "patch"] | None
    settings: EvidenceSettings

    @property
    def counts(self) -> tuple[int, ...]:
        return tops(len(self.places), self.settings.steps)

    def ranked(self, scores: Float[np.ndarray, "patch"]) -> _Ranked:
        return _Ranked(scores, falling(scores, generator(self.answer, self.settings.seed)))

    def result(self, readings: Readings, target: Sequence[TokenTarget], ranked: _Ranked) -> Result:
        drawn = curves(readings, target, ranked.order, self.places, self.counts, self.settings.fills)
        tested = MapUnderTest(ranked.scores, drawn, self.truth)
        applying = (metric for metric in map_metrics().values() if self.truth is not None or not metric.needs_truth)
        return Result(drawn, {metric.key: metric.figure(tested) for metric in applying})
