"""What methods need of a picture, and what is said where an answer lacks it."""

from __future__ import annotations

from typing import Literal

from ..answer import Answer, TokenKind
from ..vlm.model import VisionLanguageModel

Need = Literal["nothing", "pixels", "image", "places"]
"""What of a picture a method cannot do without: its pixels, its image tokens, or also where in it each of them is."""


def image_positions(answer: Answer) -> list[int]:
    return list(answer.layout.positions(TokenKind.IMAGE))


def lacking(need: Need, model: VisionLanguageModel, answer: Answer, name: str) -> str | None:
    """What a method of this need and name lacks in an answer, as a sentence that says what to do; None for nothing."""
    if need in ("image", "places") and answer.question.images and not image_positions(answer):
        return (
            f"{answer.layout.unplaced}, and {name} scores nothing but image tokens. Choose relevancy or raw attention, "
            "which score the patches that are looked at across, or hiding pixels."
        )
    if need != "nothing" and not answer.question.images:
        return (
            f"This question has no picture, and {name} scores nothing but pictures. Ask about a picture, or choose a "
            "method that scores words too, such as hiding image tokens or input x gradient."
        )
    if need == "places" and not answer.layout.views:
        if answer.layout.unplaced:
            return (
                f"{answer.layout.unplaced}, and {name} needs one. Hiding pixels needs "
                "none; raw attention and hiding image tokens score the image tokens as a whole and the words."
            )
        return (
            f"Where the image tokens of {model.card.family} models are in the picture is not known, so {name} cannot "
            "be computed. Choose hiding pixels, raw attention, input x gradient or hiding image tokens, which need no "
            "place."
        )
    return None
