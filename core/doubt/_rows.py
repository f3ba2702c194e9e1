"""What attention rows cost where an answer has kept none."""

from __future__ import annotations

from ..answer import Answer
from ..vlm.memory_costs import checkpoint_bytes
from ..vlm.model import VisionLanguageModel


def rows_kept(answer: Answer) -> bool:
    """Whether the rows that predicted an answer's tokens are held."""
    return answer.attention is not None and answer.attention.has(range(len(answer.tokens)))


def rows_bytes(model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
    """Bytes of the rows of so many tokens in all layers and heads, in float32, and of the pass that makes them."""
    rows = 4 * model.card.layers * (model.card.heads + 2) * tokens * len(answer.layout)
    return rows if rows_kept(answer) else rows + checkpoint_bytes(model, answer)
