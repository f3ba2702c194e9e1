"""Gemma 3n: each image is squashed into a square, of which a convolutional tower makes 16 x 16 tokens."""

from __future__ import annotations

from ._squashed import Squashed
from .base import Tower
from .context import PromptContext


class Gemma3n(Squashed):
    """Gemma 3n. Its tower is timm's MobileNet, a convolutional one, so that a token knows of its surroundings too and
    relevancy ends at the image tokens; between its decoder's layers go several streams, so that most of what looks
    into them is refused."""

    key = "gemma3n"
    name = "Gemma 3n"
    model_types = ("gemma3n",)

    def tower(self, context: PromptContext) -> Tower | None:
        return None
