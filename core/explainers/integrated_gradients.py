"""Gradients gathered on the way from a picture that says nothing to the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..settings import choice, number
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._backward import backward, backward_bytes, full_length, target_logits
from ._kept_layers import KeptLayers, room_for_layers, same_from_its_embeddings, share_kept
from ._places import image_positions
from ._smoothing import (
    copies_setting,
    generator,
    noise_setting,
    noisy_copies,
    others_in_their_place,
    seed_setting,
)
from .base import Explainer, Step


@dataclass(frozen=True)
class IntegratedGradientsSettings:
    """The way, and where it begins."""

    steps: int = number(
        4, "Steps", minimum=1, maximum=512, step=1, help="More: closer to the integral, and longer in proportion."
    )
    baseline: str = choice(
        "mean",
        "Begins at",
        ("mean", "zero", "drawn"),
        help="Every image token as the mean of all of them (nothing in particular anywhere), as zero, or as one of the "
        "others, drawn anew for each noisy copy (expected gradients).",
    )
    copies: int = copies_setting()
    noise: float = noise_setting()
    seed: int = seed_setting()


class IntegratedGradients(Explainer):
    """Integrated gradients, Sundararajan et al. 2017, equations 1 and 3, over the image tokens as the decoder reads
    them: (x - x0) times the mean gradient of the token's raw logit on the straight way from x0 to x, summed over
    features. Words stay as they are.

    The scores of all image tokens add up to what the logit gains between x0 and the picture (completeness), within
    the error of as many steps, taken at their middles: both sums are told with every map. Smoothed, the map is the mean
    of those of noisy copies (SmoothGrad, Smilkov et al. 2017), and x0 may be drawn anew for each from the picture's own
    tokens (expected gradients, Erion et al. 2021).
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
        # Each step goes up and, computing the layers again that were not kept, down; each end of a way is read once.
        again, ways = 1 - share_kept(model, answer, token_targets), max(1, settings.copies)
        ends = settings.copies + (ways if settings.baseline == "drawn" else 1)
        steps = settings.steps * ways
        return Passes(forward=1 + ends + (1 + again) * steps, backward=steps * len(token_targets))

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
        for _ in same_from_its_embeddings(model, checkpoints):
            yield Step(0.0)
        places = image_positions(answer)
        image = embeddings[places].float()
        drawn, room = generator(settings.seed), room_for_layers(model, answer, token_targets)
        ways = max(1, settings.copies)
        done, all_layers = 0, 2 * settings.steps * checkpoints.layers * ways
        scores = torch.zeros(len(token_targets), len(embeddings), device=embeddings.device)
        gains = torch.zeros(len(token_targets))
        logits: dict[str, Tensor] = {}
        for end in noisy_copies(image, settings.copies, settings.noise, drawn):
            begin = _begin(settings.baseline, image, drawn)
            way = end - begin
            total = torch.zeros(len(token_targets), len(places), embeddings.shape[1], device=embeddings.device)
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
            scores[:, places] += (way * total / settings.steps).sum(-1)
            # The logits at both ends; one that is the same for all copies is read once.
            read = {"end": end} if settings.copies else {}
            if settings.baseline == "drawn" or not logits:
                read["begin"] = begin
            for name, tokens in read.items():
                there = embeddings.clone()
                there[places] = tokens.to(embeddings.dtype)
                for _ in KeptLayers(checkpoints, 0).up(there):
                    yield Step(done / all_layers)
                logits[name] = _logits(model, checkpoints.final[rows], token_targets)
            gains += logits.get("end", reached) - logits["begin"]
        yield Step(1.0, full_length(scores / ways, answer), gains=gains / ways)


def _begin(
    baseline: str, image: Float[Tensor, "place hidden"], drawn: torch.Generator
) -> Float[Tensor, "*place hidden"]:
    """Where the way begins."""
    if baseline == "drawn":
        return others_in_their_place(image, drawn)
    return torch.zeros_like(image) if baseline == "zero" else image.mean(0, keepdim=True)


def _logits(
    model: VisionLanguageModel, states: Float[Tensor, "target hidden"], token_targets: Sequence[TokenTarget]
) -> Float[Tensor, "target"]:
    """What each token target's logit is (`target_logits`), on the CPU in float32."""
    with torch.no_grad():
        return target_logits(model, states, token_targets).float().cpu()
