"""What several methods ask of token targets and of an answer's positions."""

from __future__ import annotations

from ..answer import Answer, TokenKind
from ..vlm.model import VisionLanguageModel


def image_positions(answer: Answer) -> list[int]:
    return list(answer.layout.positions(TokenKind.IMAGE))


def needs_image(answer: Answer, name: str) -> str | None:
    """The obstacle of a method that scores image tokens alone."""
    if image_positions(answer):
        return None
    return (
        f"This question has no picture, and {name} scores nothing but pictures. Ask about a picture, or choose a "
        "method that scores words too, such as hiding image tokens or input x gradient."
    )


def needs_places(model: VisionLanguageModel, answer: Answer, name: str) -> str | None:
    """The obstacle of a method that must know where in the picture each image token is."""
    if answer.layout.views:
        return needs_image(answer, name)
    return needs_image(answer, name) or (
        f"Where the image tokens of {model.card.family} models are in the picture is not known, so {name} cannot be "
        "computed. Choose raw attention, input x gradient or hiding image tokens, which need no place."
    )
