"""Which image tokens carry the features that the token's logit rises with, at one layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..answer import Answer
from ..errors import NotApplicable
from ..settings import choice, number
from ..vlm.backward import backward, backward_bytes, full_length
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._places import image_positions
from .base import Explainer, Step

MEAN, OWN = "one for all places", "each place's own"


@dataclass(frozen=True)
class GradCamSettings:
    """The layer, and what its features are weighed by."""

    depth: float = number(
        0.5,
        "Depth",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="The layer whose input is looked at: 0 is the first of the decoder, 1 the last.",
    )
    weights: str = choice(
        MEAN,
        "Weights of features",
        (MEAN, OWN),
        help="One for all places is Grad-CAM: the mean gradient over the picture, most of which may be background. "
        "Each place's own gradient is HiResCAM.",
    )


class GradCam(Explainer):
    """Grad-CAM, Selvaraju et al. 2017, equations 1 and 2, on the decoder's states of the image tokens where they
    enter one layer: each feature weighed by the mean, over the image tokens, of the logit's gradient with respect to
    it; their weighted sum where that is positive. With each place's own gradient in the place of the mean it is
    HiResCAM (Draelos and Carin 2020).
    """

    key = "grad_cam"
    name = "Grad-CAM"
    caveat = "One weight for each feature and all places: a linear guess at one layer, and evidence against is cut off."
    Settings = GradCamSettings
    needs = "image"

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return backward_bytes(model, answer, token_targets)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        gone = 1 - round(settings.depth * (model.card.layers - 1)) / model.card.layers
        return Passes(forward=1 + gone, backward=gone * len(token_targets))

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: GradCamSettings,
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed(answer)
        lowest = round(settings.depth * (checkpoints.layers - 1))
        places = image_positions(answer)
        for layer, gradients in backward(model, answer, checkpoints, token_targets, lowest):
            done = (checkpoints.layers - layer) / (checkpoints.layers - lowest)
            if layer > lowest:
                yield Step(done)
                continue
            states = checkpoints.inputs[layer]
            assert states is not None
            if not gradients[:, places].any():
                raise NotApplicable(
                    f"Nothing reads the image tokens as they enter layer {layer}: what is known of the picture, other "
                    "words have gathered by then. Choose a smaller depth."
                )
            own = gradients[:, places]
            weights = own if settings.weights == OWN else own.mean(1, keepdim=True)
            scores = torch.zeros(len(token_targets), len(states), device=states.device)
            scores[:, places] = (weights * states[places].float()).sum(-1).relu()
            yield Step(done, full_length(scores, answer))
