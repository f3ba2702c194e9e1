"""Testing maps of one answer: every picture with hidden patches is read once, whoever asks for it.

What badges quote is read first, of the maps and of their controls, then every point of the curves for all of them: a
test that is stopped has something to compare.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float, Int

from ..answer import Answer, Explanation
from ..errors import NotApplicable
from ..perturb.outcomes import outcomes
from ..perturb.perturbation import HiddenPatches
from ..perturb.prediction import Prediction
from ..settings import checked
from ..street.recipe import SceneRecipe
from ..vlm.batch_size import images_at_once, once_more
from ..vlm.cancel import Cancelled, CancelToken, stoppable
from ..vlm.forecast import Forecast, forecast
from ..vlm.memory_costs import check_memory, picture_pass_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import over_images
from ..vlm.targets import TokenTarget, check_own, token_targets_of
from .controls import Scores, centre_map, random_maps
from .curves import FULL, Readings, blank, curves, left, probability_of, quoted, variants
from .location import Truth, located, marked_in
from .metric import MapUnderTest, Marked
from .ranking import falling, gathered_scores, generator, places, tile, tops
from .redrawing import as_read
from .registry import map_metrics
from .result import Evidence, Result
from .settings import EvidenceSettings
from .verdict import Verdict, judged

FIRST = 9
"""Pictures beside the maps' own after which there is a first verdict, where somebody waits for it."""

_counted: WeakKeyDictionary[Answer, dict[EvidenceSettings, tuple[int, int]]] = WeakKeyDictionary()


@stoppable
def evaluate(
    model: VisionLanguageModel,
    answer: Answer,
    explanations: Sequence[Explanation],
    *,
    truth: Truth | None = None,
    image: int = 0,
    settings: EvidenceSettings | None = None,
    scenes: Sequence[SceneRecipe] = (),
    cancel: CancelToken | None = None,
    progress: Callable[[float], None] = lambda done: None,
    early: Callable[[list[Verdict]], None] | None = None,
) -> list[Evidence]:
    """Test explanations of an answer. `truth` marks the pixels of picture `image` that should have been found; without
    it (or with nothing marked) the metrics that need it are left out. `scenes` are the recipes of the question's
    pictures, which the fill `redraw` cannot do without. `early` is told the verdict on each map under the first fill,
    as far as it can be told, after each of the first pictures, by which it grows.

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
    marked = marked_in(answer, positions, truth, image)
    trial = _Trial(answer, positions, tile(answer.layout, positions), marked, settings)
    maps = [trial.ranked(gathered_scores(explanation, answer.layout, positions)) for explanation in explanations]
    draws = [trial.ranked(scores) for scores in _random(answer, positions, settings)]
    random = draws[: settings.draws]
    centre = trial.ranked(centre_map(model, answer, explanations[0].target, positions))
    targets = [token_targets_of(answer, explanation.target) for explanation in explanations]
    every = list(dict.fromkeys(token_target for target in targets for token_target in target))
    orders = [ranked.order for ranked in (*maps, centre, *random)]
    further = [ranked.order for ranked in draws[settings.draws :]]
    wanted = list(dict.fromkeys(variants(orders, further, positions, trial.counts, settings.fills, trial.tiled)))
    painted = as_read(answer, wanted, scenes)
    first = {quoted(settings.fills[0], ranked.order, positions) for ranked in (*maps, centre, *draws)}

    def read() -> Readings:
        known: dict[HiddenPatches, Prediction] = {}
        soon = 0 if early is None else FIRST + len(maps)
        each = outcomes(model, answer, every, painted, first=soon, cancel=cancel, progress=progress)
        for variant, outcome in zip(wanted, each, strict=False):
            known[variant] = outcome.after
            if early is not None and variant in first:
                early([trial.so_far(known, *one, draws, centre) for one in zip(targets, maps, strict=True)])
        return known

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
            blind=trial.blind,
            left=left(readings, target, [ranked.order for ranked in draws], positions, settings.fills),
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
    of_random, of_a_map = _read(answer, settings)
    return forecast(model, answer, over_images(of_random + of_a_map * (maps + 1)))


def _read(answer: Answer, settings: EvidenceSettings) -> tuple[int, int]:
    """How many pictures are read of the random orders, and of a map at most; counted once, for the first takes as long
    as drawing a page."""
    known = _counted.setdefault(answer, {})
    if settings not in known:
        positions = places(answer.layout)
        counts = tops(len(positions), settings.steps)
        between = len([count for count in counts if 0 < count < len(positions)])
        orders = [falling(scores, generator(answer, settings.seed)) for scores in _random(answer, positions, settings)]
        random, further = orders[: settings.draws], orders[settings.draws :]
        tiled = tile(answer.layout, positions)
        of_random = set(variants(random, further, positions, counts, settings.fills, tiled))
        known[settings] = len(of_random), 2 * len(settings.fills) * between
    return known[settings]


def _random(answer: Answer, positions: tuple[int, ...], settings: EvidenceSettings) -> list[Scores]:
    """The scores of the random orders, those of curves first."""
    further = max(settings.deciding - settings.draws, 0)
    return random_maps(answer, positions, settings.draws, further, settings.seed)


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
    tiled: bool
    truth: Marked | None
    settings: EvidenceSettings

    @property
    def counts(self) -> tuple[int, ...]:
        return tops(len(self.places), self.settings.steps)

    @property
    def blind(self) -> dict[str, float]:
        """The figures of a map that is everywhere the same, where there is a ground truth."""
        if self.truth is None:
            return {}
        return {key: figure.value for key, figure in located(np.ones(len(self.places)), self.truth).items()}

    def ranked(self, scores: Float[np.ndarray, "patch"]) -> _Ranked:
        return _Ranked(scores, falling(scores, generator(self.answer, self.settings.seed)))

    def so_far(
        self,
        readings: Readings,
        target: Sequence[TokenTarget],
        ranked: _Ranked,
        draws: Sequence[_Ranked],
        centre: _Ranked,
    ) -> Verdict:
        """The verdict under the first fill by what has been read."""
        fill = self.settings.fills[0]

        def at(one: _Ranked) -> float:
            return probability_of(readings, target, quoted(fill, one.order, self.places))

        full, empty = (probability_of(readings, target, point) for point in (FULL, blank(fill)))
        return judged(fill, full, empty, at(ranked), map(at, draws), at(centre))

    def result(self, readings: Readings, target: Sequence[TokenTarget], ranked: _Ranked) -> Result:
        drawn = curves(readings, target, ranked.order, self.places, self.counts, self.settings.fills, self.tiled)
        tested = MapUnderTest(ranked.scores, drawn, self.truth)
        applying = (metric for metric in map_metrics().values() if self.truth is not None or not metric.needs_truth)
        return Result(drawn, {metric.key: metric.figure(tested) for metric in applying})
