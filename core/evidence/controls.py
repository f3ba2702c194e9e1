"""What a tested map stands beside: maps that know nothing of the model."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Target
from ..explainers.controls import CentreBias
from ..explainers.run import explain
from ..vlm.model import VisionLanguageModel
from .ranking import generator, patch_scores

Scores = Float[np.ndarray, "patch"]


def random_maps(answer: Answer, positions: tuple[int, ...], draws: int, further: int, seed: int) -> list[Scores]:
    """Uniform scores of these positions, one map for each draw; always the same for the same question. The `draws` come
    in pairs, one turned over after the other (antithetic draws): what one order removes, the other
    leaves, so both are read of the same pictures, and their mean is nearer to that of all orders. The `further` ones
    are independent."""
    drawn = [generator(answer, seed, 1 + draw - draw % 2).random(len(positions)) for draw in range(draws)]
    paired = [1 - scores if draw % 2 else scores for draw, scores in enumerate(drawn)]
    return paired + [generator(answer, seed, draws + 1 + draw).random(len(positions)) for draw in range(further)]


def centre_map(model: VisionLanguageModel, answer: Answer, target: Target, positions: tuple[int, ...]) -> Scores:
    """Scores that fall from the middle of each picture to its edges. Raises what `explain` raises."""
    (middle,) = explain(CentreBias(), model, answer, [Target(target.tokens)])
    return patch_scores(middle, positions)
