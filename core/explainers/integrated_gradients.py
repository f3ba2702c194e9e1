"""Gradients gathered on the way from a picture that says nothing to the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..errors import NotShown
from ..settings import choice, number
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._backward import backward, backward_bytes, full_length, target_logits
from ._kept_layers import KeptLayers, room_for_layers, share_kept
from ._places import image_positions
from .base import Explainer, Step

SAME = 1e-2
"""How far states may differ, relative to the largest, when a checkpointed pass is recomputed from its own
embeddings."""


@dataclass(frozen=True)
class IntegratedGradientsSettings:
    """The way, and where it begins."""

    steps: int = number(
        4, "Steps", minimum=1, maximum=512, step=1, help="More: closer to the integral, and longer in proportion."
    )
    baseline: str = choice(
        "mean",
        "Begins at",
        ("mean", "zero"),
        help="Every image token as the mean of all of them (nothing in particular anywhere), or as zero.",
    )


class IntegratedGradients(Explainer):
    """Integrated gradients, Sundararajan et al. 2017, equations 1 and 3, over the image tokens as the decoder reads
    them: (x - x0) times the mean gradient of the token's raw logit on the straight way from x0 to x, summed over
    features. Words stay as they are.

    The scores of all image tokens add up to what the logit gains between x0 and the picture (completeness), within
    the error of as many steps, taken at their middles: both sums are told with every map.
    """

    key = "integrated_gradients"
    name = "Integrated gradients"
    caveat = "Measured against a baseline that the model never saw: another baseline is another question."
    cheaper = "Fewer steps take proportionally less time."
    Settings = IntegratedGradientsSettings
    needs = "image"
    signed = True

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        return backward_bytes(model, answer, token_targets) + room_for_layers(model, answer, token_targets)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        # Each step goes up and, computing the layers again that were not kept, down.
        again = 1 - share_kept(model, answer, token_targets)
        return Passes(forward=2 + (1 + again) * settings.steps, backward=settings.steps * len(token_targets))

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: IntegratedGradientsSettings,
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed(answer)
        embeddings = checkpoints.inputs[0]
        assert embeddings is not None
        rows = [token_target.position(answer) - checkpoints.start for token_target in token_targets]
        reached = _logits(model, checkpoints.final[rows], token_targets)
        if not checkpoints.chained:
            # What is added may be nothing.
            left = checkpoints.final
            for _ in KeptLayers(checkpoints, 0).up(embeddings):
                yield Step(0.0)
            if float((checkpoints.final - left).abs().max()) > SAME * float(left.abs().max()):
                raise NotShown(
                    f"{model.card.name} adds to its states between layers, so it cannot be read from other image "
                    "tokens."
                )
        places = image_positions(answer)
        image = embeddings[places].float()
        begin = torch.zeros_like(image) if settings.baseline == "zero" else image.mean(0, keepdim=True)
        way = image - begin
        total = torch.zeros(len(token_targets), len(places), embeddings.shape[1], device=embeddings.device)
        room = room_for_layers(model, answer, token_targets)
        done, all_layers = 0, 2 * settings.steps * checkpoints.layers
        for step in range(settings.steps):
            there = embeddings.clone()
            there[places] = (begin + (step + 0.5) / settings.steps * way).to(embeddings.dtype)
            with KeptLayers(checkpoints, room) as kept:
                for _ in kept.up(there):
                    yield Step(done / all_layers)
                    done += 1
                for layer, gradients in backward(model, answer, checkpoints, token_targets, again=kept.down):
                    if layer == 0:
                        total += gradients[:, places]
                    yield Step(done / all_layers)
                    done += 1
        scores = torch.zeros(len(token_targets), len(embeddings), device=embeddings.device)
        scores[:, places] = (way * total / settings.steps).sum(-1)
        nothing = embeddings.clone()
        nothing[places] = begin.to(embeddings.dtype)
        for _ in KeptLayers(checkpoints, 0).up(nothing):
            yield Step(done / all_layers)
        gains = reached - _logits(model, checkpoints.final[rows], token_targets)
        yield Step(1.0, full_length(scores, answer), gains=gains)


def _logits(
    model: VisionLanguageModel, states: Float[Tensor, "target hidden"], token_targets: Sequence[TokenTarget]
) -> Float[Tensor, "target"]:
    """What each token target's logit is (`target_logits`), on the CPU in float32."""
    with torch.no_grad():
        return target_logits(model, states, token_targets).float().cpu()
