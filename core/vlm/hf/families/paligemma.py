"""PaliGemma: the image is squashed into a square, and the whole prompt sees itself both ways."""

from __future__ import annotations

from typing import Any

from ._questions import IMAGES_FIRST, WORDS_ALONE
from ._squashed import Squashed


class PaliGemma(Squashed):
    """PaliGemma. Token type 0 is the prefix, whose positions see each other both ways: it would see an answer of that
    type."""

    key = "paligemma"
    name = "PaliGemma"
    model_types = ("paligemma",)
    answer_type = 1

    def chat_template(self, processor: Any) -> str:
        # The processor itself puts the first token after the images, and a line break at the end.
        return IMAGES_FIRST + WORDS_ALONE
