"""What several methods ask of units and of an answer's positions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from core.answer import Answer, TokenKind
from core.explainers.base import Unit
from core.vlm.model import VisionLanguageModel

NUMBER_BYTES = {"float16": 2, "bfloat16": 2}


def unit_logprobs(logits: Float[Tensor, "answer vocabulary"], units: Sequence[Unit]) -> Float[Tensor, "unit"]:
    """log p(token) of each unit in nats, less log p(rival) for a contrast; on the CPU."""
    logprobs = logits.float().log_softmax(-1).cpu()
    found = []
    for unit in units:
        row = logprobs[unit.index]
        found.append(row[unit.token] - (0 if unit.rival is None else row[unit.rival]))
    return torch.stack(found)


def image_positions(answer: Answer) -> list[int]:
    return list(answer.layout.positions(TokenKind.IMAGE))


def needs_picture(answer: Answer, name: str) -> str | None:
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
        return needs_picture(answer, name)
    return needs_picture(answer, name) or (
        f"Where the image tokens of {model.card.family} models are in the picture is not known, so {name} cannot be "
        "computed. Choose raw attention, input x gradient or hiding image tokens, which need no place."
    )


def pass_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """About the most that one pass over the whole sequence takes, without any graph."""
    card, positions = model.card, len(answer.layout)
    # A layer holds some dozen copies of its states at once (the wide middle of its MLP counts for eight).
    states = 24 * positions * card.hidden * number_bytes(model)
    return states + 3 * len(answer.tokens) * card.vocabulary * 4


def number_bytes(model: VisionLanguageModel) -> int:
    return NUMBER_BYTES.get(model.card.dtype, 4)
