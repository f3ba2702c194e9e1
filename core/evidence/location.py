"""Where a map lies, held against where the thing is: what is known without reading a picture again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ..answer import Answer, Explanation
from ..masking import patch_coverage
from ..vlm.model import VisionLanguageModel
from .controls import Scores, centre_map, random_maps
from .metric import Figure, MapUnderTest
from .ranking import gathered_scores, places
from .registry import map_metrics
from .settings import EvidenceSettings

Truth = Bool[np.ndarray, "height width"]
Figures = Mapping[str, Figure]


@dataclass(frozen=True, eq=False)
class Location:
    """The figures of the metrics that need a ground truth, by key: of one map, of random ones, and of the middle of
    the picture."""

    tested: Figures
    random: tuple[Figures, ...]
    centre: Figures


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
    marked = coverage(answer, positions, truth, image)
    if marked is None:
        return None

    def figures(scores: Scores) -> Figures:
        tested = MapUnderTest(scores, (), marked)
        return {key: metric.figure(tested) for key, metric in map_metrics().items() if metric.needs_truth}

    return Location(
        figures(gathered_scores(explanation, answer.layout, positions)),
        tuple(map(figures, random_maps(answer, positions, settings))),
        figures(centre_map(model, answer, explanation.target, positions)),
    )


def coverage(
    answer: Answer, positions: tuple[int, ...], truth: Truth | None, image: int
) -> Float[np.ndarray, "patch"] | None:
    """The share of each patch that the ground truth marks; None where it marks nothing that the model sees."""
    if truth is None:
        return None
    covered = patch_coverage(truth, answer.layout, image)
    shares = np.array([covered.get(position, 0.0) for position in positions])
    return shares if shares.any() else None
