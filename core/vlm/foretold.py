"""What an answer's attention rows will take, told before it is asked for."""

from __future__ import annotations

from ..answer import Question
from .keeping import WORTH_SAYING, KeepRows, in_words, kept_bytes
from .model import VisionLanguageModel


def may_be_large(model: VisionLanguageModel, tokens: int, keep: KeepRows) -> bool:
    """Whether rows of so many tokens would be worth saying after the longest prompt that the model reads."""
    longest = max(0, model.context_length - tokens)
    return kept_bytes(model.card.layers, model.card.heads, longest, tokens, keep) >= WORTH_SAYING


def rows_foretold(model: VisionLanguageModel, question: Question, keep: KeepRows) -> str | None:
    """What the answer to a question may keep, as half a sentence; None where that is not worth saying. Raises what
    `model.prepare` raises."""
    tokens, layers, heads = question.decoding.max_new_tokens, model.card.layers, model.card.heads
    if not may_be_large(model, tokens, keep):
        return None
    prompt = len(model.prepare(question).ids)
    if kept_bytes(layers, heads, prompt, tokens, keep) < WORTH_SAYING:
        return None
    return in_words(layers, heads, prompt, tokens, keep)
