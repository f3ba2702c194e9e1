"""What an explanation must beat: chance, and the habit of photographers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..answer import Answer
from ..settings import number
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import NOTHING, Passes
from ..vlm.targets import TokenTarget
from .base import Explainer, Step


@dataclass(frozen=True)
class RandomSettings:
    """The draw."""

    seed: int = number(0, "Seed", minimum=0, maximum=2**31 - 1, step=1)


class Random(Explainer):
    """A control: independent uniform scores between 0 and 1 for every position before the token, drawn from a seed.

    An explanation that does no better under a test than this one has not passed it.
    """

    key = "random"
    name = "Control: random"
    caveat = "A control that knows nothing of the model: anything you see in it is chance."
    Settings = RandomSettings
    control = True

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return NOTHING

    def scores(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: RandomSettings
    ) -> Iterator[Step]:
        scores = torch.zeros(len(token_targets), len(answer.layout))
        for row, token_target in enumerate(token_targets):
            before = token_target.position(answer) + 1
            rival = -1 if token_target.rival is None else token_target.rival
            # One draw for each token target, whichever others are explained with it.
            drawn = np.random.default_rng([settings.seed, token_target.index, token_target.token, rival + 1]).random(
                before
            )
            scores[row, :before] = torch.from_numpy(drawn)
        yield Step(1.0, scores)


@dataclass(frozen=True)
class CentreBiasSettings:
    """The width of the middle."""

    spread: float = number(
        0.25,
        "Spread",
        minimum=0.05,
        maximum=2.0,
        step=0.05,
        help="Standard deviation of the Gaussian, as a share of the picture's width and height.",
    )


class CentreBias(Explainer):
    """A control: a Gaussian around the middle of each picture, exp(-(dx^2 + dy^2) / 2 s^2), with distances as shares
    of the picture's width and height. Pictures are mostly of what stands in their middle, so it often points well.

    It is the same for every token, and for every contrast.
    """

    key = "centre_bias"
    name = "Control: centre"
    caveat = "A control that knows nothing of the model: it is the same for every question and every token."
    Settings = CentreBiasSettings
    needs = "places"
    control = True

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        return NOTHING

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: CentreBiasSettings,
    ) -> Iterator[Step]:
        scores = torch.zeros(len(answer.layout))
        for view in answer.layout.views:
            width, height = answer.layout.image_sizes[view.image]
            for index, position in enumerate(view.positions):
                left, top, right, bottom = view.patch_box(index)
                across, down = (left + right) / 2 / width - 0.5, (top + bottom) / 2 / height - 0.5
                scores[position] = float(np.exp(-(across**2 + down**2) / (2 * settings.spread**2)))
        yield Step(1.0, scores.expand(len(token_targets), -1).clone())
