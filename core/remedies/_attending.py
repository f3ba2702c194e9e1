"""What remedies that edit attention share."""

from __future__ import annotations

from ..answer import Answer, TokenKind
from ..vlm.model import VisionLanguageModel


def predicting_rows(answer: Answer) -> tuple[int, ...]:
    """The positions that predict the tokens of any answer to the same question."""
    first = len(answer.prompt_tokens) - 1
    return tuple(range(first, first + answer.question.decoding.max_new_tokens))


def lacking_tokens(model: VisionLanguageModel, answer: Answer) -> str | None:
    """Why attention to image tokens cannot be changed, as a sentence; None where it can."""
    if not answer.layout.positions(TokenKind.IMAGE):
        return f"{model.card.name} has no image tokens among its words to attend to. Crop or contrast instead."
    if set(model.card.attention_layers) - model.attention_seen():
        return f"The attention of {model.card.name} cannot be seen from outside, nor changed. Crop or contrast instead."
    return None
