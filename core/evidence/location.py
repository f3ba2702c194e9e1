"""Where a map lies, held against where the thing is: what is known without reading a picture again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from ..answer import Answer, Explanation
from ..masking import marked_centres, patch_coverage
from ..vlm.model import VisionLanguageModel
from .controls import Scores, centre_map, random_maps
from .metric import Figure, MapUnderTest, Marked
from .ranking import gathered_scores, places
from .registry import map_metrics
from .settings import EvidenceSettings

Truth = Bool[np.ndarray, "height width"]
Figures = Mapping[str, Figure]


@dataclass(frozen=True, eq=False)
class Location:
    """The figures of the metrics that need a ground truth, by key: of one map, of random ones, of the middle of the
    picture, and (`blind`) of a map that is everywhere the same: what chance gives, exactly. `truth` is what the ground
    truth marks."""

    tested: Figures
    random: tuple[Figures, ...]
    centre: Figures
    blind: Figures
    truth: Marked


def locate(
    model: VisionLanguageModel,
    answer: Answer,
    explanation: Explanation,
    truth: Truth,
    *,
    image: int = 0,
    settings: EvidenceSettings | None = None,
) -> Location | None:
    """Hold a map against the pixels of picture `image` that should have been found; None where they mark nothing that
    the model sees. Raises ValueError for a mask of another size, and what `explain` raises."""
    settings = settings or EvidenceSettings()
    answer = explanation.about(answer)
    positions = places(answer.layout)
    marked = marked_in(answer, positions, truth, image)
    if marked is None:
        return None

    def figures(scores: Scores) -> Figures:
        return located(scores, marked)

    return Location(
        figures(gathered_scores(explanation, answer.layout, positions)),
        tuple(map(figures, random_maps(answer, positions, settings.draws, 0, settings.seed))),
        figures(centre_map(model, answer, explanation.target, positions)),
        figures(np.ones(len(positions))),
        marked,
    )


def located(scores: Scores, marked: Marked) -> Figures:
    """The figures of a map's scores in the metrics that need a ground truth."""
    tested = MapUnderTest(scores, (), marked)
    return {key: metric.figure(tested) for key, metric in map_metrics().items() if metric.needs_truth}


def marked_in(answer: Answer, positions: tuple[int, ...], truth: Truth | None, image: int) -> Marked | None:
    """What the ground truth marks of each patch; None where it marks nothing that the model sees."""
    if truth is None:
        return None
    covered, centres = patch_coverage(truth, answer.layout, image), marked_centres(truth, answer.layout, image)
    shares = np.array([covered.get(position, 0.0) for position in positions])
    return Marked(shares, np.array([position in centres for position in positions])) if shares.any() else None
