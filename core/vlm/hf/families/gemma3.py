"""Gemma 3: each image is squashed into a square, the tokens of which see each other both ways."""

from __future__ import annotations

from ._squashed import Squashed


class Gemma3(Squashed):
    """Gemma 3. With "pan and scan", which adds crops of the image, the places of its tokens are not known."""

    key = "gemma3"
    name = "Gemma 3"
    model_types = ("gemma3",)
