"""What methods need of a picture, and what is said where an answer lacks it."""

from __future__ import annotations

from typing import Literal

from ..answer import Answer, TokenKind
from ..vlm.instead import instead
from ..vlm.model import VisionLanguageModel

Need = Literal["nothing", "pixels", "image", "places"]
"""What of a picture a method cannot do without: its pixels, its image tokens, or also where in it each of them is."""


def image_positions(answer: Answer) -> list[int]:
    return list(answer.layout.positions(TokenKind.IMAGE))


def lacking(need: Need, model: VisionLanguageModel, answer: Answer, name: str) -> str | None:
    """What a method of this need and name lacks in an answer, as a sentence that says what to do; None for nothing."""
    why = _lacking(need, model, answer, name)
    return None if why is None else f"{why} {instead(model, answer)}"


def _lacking(need: Need, model: VisionLanguageModel, answer: Answer, name: str) -> str | None:
    """The fact alone."""
    layout = answer.layout
    if need != "nothing" and not answer.question.images:
        return f"This question has no picture, and {name} scores nothing but pictures."
    if need in ("image", "places") and not image_positions(answer):
        return f"{layout.unplaced}, and {name} scores nothing but image tokens."
    if need == "places" and not layout.views:
        unknown = f"Where the image tokens of {model.card.family} models are in the picture is not known"
        return f"{layout.unplaced or unknown}, and {name} cannot do without their places."
    return None


NOT_LOOKED_AT = (
    "In the chosen layers nothing that answers looks at the picture itself: what it knows of that, other words of the "
    "sequence have gathered."
)
"""What is said where the attention to all image tokens is exactly nothing, as in networks with an encoder for the
question."""
