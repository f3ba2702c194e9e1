"""Mistral 3: a Pixtral whose image tokens are several patches each."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .pixtral import Pixtral


class Mistral3(Pixtral):
    """Mistral 3. Its processor needs torchvision, as Pixtral's does."""

    key = "mistral3"
    name = "Mistral 3, Mistral Large 4"
    model_types: tuple[str, ...] = ("mistral3", "mistral_large4")
    vision_types = ()

    def projected(
        self, projector: torch.nn.Module, states: Float[Tensor, "place width"], sizes: Tensor
    ) -> Float[Tensor, "image_token hidden"]:
        hidden: Tensor = projector(states, sizes)
        return hidden
