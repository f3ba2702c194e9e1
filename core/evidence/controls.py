"""What a tested map stands beside: maps that know nothing of the model."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Target
from ..explainers.controls import CentreBias
from ..explainers.run import explain
from ..vlm.model import VisionLanguageModel
from .ranking import generator, patch_scores
from .settings import EvidenceSettings

Scores = Float[np.ndarray, "patch"]


def random_maps(answer: Answer, positions: tuple[int, ...], settings: EvidenceSettings) -> list[Scores]:
    """Independent uniform scores of these positions, one map for each draw; always the same for the same question."""
    draws = range(1, settings.draws + 1)
    return [generator(answer, settings.seed, draw).random(len(positions)) for draw in draws]


def centre_map(model: VisionLanguageModel, answer: Answer, target: Target, positions: tuple[int, ...]) -> Scores:
    """Scores that fall from the middle of each picture to its edges. Raises what `explain` raises."""
    (middle,) = explain(CentreBias(), model, answer, [Target(target.tokens)])
    return patch_scores(middle, positions)
