"""Mistral 3: a Pixtral whose image tokens are several patches each."""

from __future__ import annotations

from .pixtral import Pixtral


class Mistral3(Pixtral):
    """Mistral 3. Its processor needs torchvision, as Pixtral's does."""

    key = "mistral3"
    name = "Mistral 3"
    model_types = ("mistral3",)
    vision_types = ()
