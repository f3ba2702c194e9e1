"""Attention rows of an answer that are not kept, or no longer, from a replay."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..answer import Answer, HeldRows
from .kept_budget import budget, bytes_allowed
from .model import VisionLanguageModel


def tokens_at_once(model: VisionLanguageModel, answer: Answer) -> int:
    """Of how many of an answer's tokens rows may be held together; at least one."""
    each = 2 * model.card.layers * model.card.heads * len(answer.layout)
    return max(1, bytes_allowed() // each)


def computed_again(model: VisionLanguageModel, answer: Answer, tokens: Sequence[int]) -> HeldRows:
    """The rows that predicted some of an answer's tokens, in every layer, in half precision and in the CPU's memory.
    Where the answer has kept others, or had, it keeps these instead, and they are the latest used of all.

    Raises NotApplicable where no attention can be seen.
    """
    shape = (model.card.layers, model.card.heads, len(tokens), len(answer.layout))
    weights = torch.zeros(shape, dtype=torch.float16)
    model.attention_rows(answer, [answer.predicting_position(token) for token in tokens], into=weights)
    held = HeldRows(weights, tuple(tokens), tuple(range(shape[0])), shape[0])
    if answer.attention is not None:
        answer.attention.hold(held)
        budget.keep(answer.attention)
    return held
