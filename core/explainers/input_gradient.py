"""How the token's logit would change with each embedding, times the embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..answer import Answer
from ..errors import NotShown
from ..vlm.backward import backward, backward_bytes, full_length
from ..vlm.checkpoints import DecoderPass
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ..vlm.targets import TokenTarget
from ._kept_layers import KeptLayers, room_for_layers, same_from_its_embeddings, share_kept
from ._places import image_positions
from ._smoothing import copies_setting, generator, noise_setting, noisy_copies, seed_setting
from .base import Explainer, Step


@dataclass(frozen=True)
class InputGradientSettings:
    """Noise against noise."""

    copies: int = copies_setting()
    noise: float = noise_setting()
    seed: int = seed_setting()


class InputGradient(Explainer):
    """Input x gradient, Shrikumar et al. 2016, "Not just a black box": the gradient of the token's raw logit with
    respect to what the decoder reads at each position, times that, summed over its features.

    It is the first-order guess at what setting the position's embedding to zero would take away. Smoothed, it is the
    mean over copies of the picture whose image tokens have noise (SmoothGrad, Smilkov et al. 2017); words have none.
    """

    key = "input_gradient"
    name = "Input x gradient"
    caveat = "A tangent: it sees what a small change would do, not what the absence of the patch or word would."
    Settings = InputGradientSettings
    signed = True

    def estimate(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> int:
        needed = backward_bytes(model, answer, token_targets)
        return needed + (room_for_layers(model, answer, token_targets) if settings.copies else 0)

    def passes(
        self, model: VisionLanguageModel, answer: Answer, token_targets: Sequence[TokenTarget], settings: Any
    ) -> Passes:
        if not settings.copies:
            return Passes(forward=2, backward=len(token_targets))
        # Each copy goes up and, computing the layers again that were not kept, down.
        again = 1 - share_kept(model, answer, token_targets)
        return Passes(forward=1 + (1 + again) * settings.copies, backward=settings.copies * len(token_targets))

    def scores(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        token_targets: Sequence[TokenTarget],
        settings: InputGradientSettings,
    ) -> Iterator[Step]:
        checkpoints = model.checkpointed(answer)
        yield Step(0.0)
        if settings.copies:
            yield from self._smoothed(model, answer, checkpoints, token_targets, settings)
            return
        for layer, gradients in backward(model, answer, checkpoints, token_targets):
            if layer:
                checkpoints.free(layer)
                yield Step(1 - layer / checkpoints.layers)
                continue
            embeddings = checkpoints.inputs[0]
            assert embeddings is not None
            yield Step(1.0, full_length((gradients * embeddings.float()).sum(-1), answer))

    @staticmethod
    def _smoothed(
        model: VisionLanguageModel,
        answer: Answer,
        checkpoints: DecoderPass,
        token_targets: Sequence[TokenTarget],
        settings: InputGradientSettings,
    ) -> Iterator[Step]:
        """The mean over noisy copies."""
        embeddings = checkpoints.inputs[0]
        assert embeddings is not None
        for _ in same_from_its_embeddings(model, checkpoints):
            yield Step(0.0)
        places = image_positions(answer)
        if not places:
            raise NotShown("Noisy copies are of a picture, and this question has none that is read as image tokens.")
        room, drawn = room_for_layers(model, answer, token_targets), generator(settings.seed)
        total = torch.zeros(len(token_targets), len(embeddings), device=embeddings.device)
        done, all_layers = 0, 2 * checkpoints.layers * settings.copies
        for tokens in noisy_copies(embeddings[places].float(), settings.copies, settings.noise, drawn):
            there = embeddings.clone()
            there[places] = tokens.to(embeddings.dtype)
            with KeptLayers(checkpoints, room) as kept:
                for _ in kept.up(there):
                    yield Step(done / all_layers)
                    done += 1
                for layer, gradients in backward(model, answer, checkpoints, token_targets, again=kept.down):
                    if layer == 0:
                        total += (gradients * there.float()).sum(-1)
                    yield Step(done / all_layers)
                    done += 1
        yield Step(1.0, full_length(total / settings.copies, answer))
