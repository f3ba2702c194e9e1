"""PaliGemma: the image is squashed into a square, and the whole prompt sees itself both ways."""

from __future__ import annotations

from ._squashed import Squashed


class PaliGemma(Squashed):
    """PaliGemma. Token type 0 is the prefix, whose positions see each other both ways: it would see an answer of that
    type."""

    key = "paligemma"
    name = "PaliGemma"
    model_types = ("paligemma",)
    answer_type = 1
