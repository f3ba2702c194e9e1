"""How many rows a batch may have. Several sequences read together cost less than one by one, until they fill the memory
or overflow a processor's caches. Each figure is an estimate of the most that a row needs at once."""

from __future__ import annotations

import torch

from ..answer import Answer
from .memory import available_bytes
from .memory_costs import pass_bytes
from .model import ModelCard, VisionLanguageModel
from .prepared import PreparedPrompt

MOST_ROWS = 64
CPU_POSITIONS = 1280
"""Positions that a CPU reads together: larger batches overflow its caches and take longer, row by row."""


def continuations_at_once(card: ModelCard, head_size: int, prepared: PreparedPrompt, longest: int) -> int:
    """Rows of a batch of continuations of at most `longest` tokens, after the prefix that they share; at least 1."""
    width = len(prepared.ids) - prepared.shared + longest
    # Growing a cache copies it, so two copies live at once for a moment.
    keys = 2 * 2 * card.layers * card.key_value_heads * head_size * (prepared.shared + width) * card.number_bytes
    logits = 2 * width * card.vocabulary * 4
    hidden = 12 * width * card.hidden * card.number_bytes
    return max(1, min(MOST_ROWS, _fitting(card, keys + logits + hidden)))


def images_at_once(model: VisionLanguageModel, answer: Answer) -> int:
    """Rows of a batch of whole passes over an answer, each with images of its own; at least 1."""
    most = _most_rows(model.card, len(answer.layout))
    return max(1, min(most, _fitting(model.card, pass_bytes(model, answer))))


def edits_at_once(card: ModelCard, answer: Answer, start: int) -> int:
    """Rows of a batch of passes over an answer from position `start` on, each under edits of its own; at least 1."""
    rows, positions = len(answer.layout) - start, len(answer.layout)
    # One layer's states (the wide middle of its MLP counts for most), keys and values; a mask and its copy as
    # numbers; logits.
    states = 24 * rows * card.hidden * card.number_bytes
    keys = 4 * positions * card.hidden * card.number_bytes
    logits = 3 * len(answer.tokens) * card.vocabulary * 4
    return max(1, min(_most_rows(card, rows), _fitting(card, states + keys + 6 * rows * positions + logits)))


def _most_rows(card: ModelCard, positions: int) -> int:
    """How many rows of so many positions are worth reading together."""
    return MOST_ROWS if torch.device(card.device).type != "cpu" else min(MOST_ROWS, CPU_POSITIONS // positions)


def _fitting(card: ModelCard, each: int) -> int:
    """How many rows of `each` bytes a batch may have: it takes a quarter of the free memory, and at most 1 GiB."""
    return min(available_bytes(torch.device(card.device)) // 4, 2**30) // each
