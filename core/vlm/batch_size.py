"""How many rows a batch may have. Several sequences read together cost less than one by one, until they fill the memory
or overflow a processor's caches. Each figure is an estimate of the most that a row needs at once; where it was too low
and memory ran out, the work is done once more with batches half as large (`once_more`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

from ..answer import Answer
from ..errors import NotEnoughMemory
from .memory import available_bytes, give_back_freed, out_of_memory, readable_bytes
from .memory_costs import picture_pass_bytes
from .model import ModelCard, VisionLanguageModel
from .prepared import PreparedPrompt
from .turns import Turns

T = TypeVar("T")

_divisor: ContextVar[int] = ContextVar("batches_divided_by", default=1)

MOST_ROWS = 64
CPU_POSITIONS = 1280
"""Positions that a CPU reads together: larger batches overflow its caches and take longer, row by row."""


def in_smaller_batches(rows: int) -> int:
    """This number of rows, or half of it where work is done once more because memory ran out; at least 1."""
    return max(1, rows // _divisor.get())


def beside_others(rows: int, turns: Turns) -> int:
    """This number of rows, or half of it while others use the model too: they wait for the batch that is under way."""
    return max(1, rows // 2) if turns.shared else rows


@contextmanager
def _halved() -> Iterator[None]:
    token = _divisor.set(2)
    try:
        yield
    finally:
        _divisor.reset(token)


def once_more(name: str, model: VisionLanguageModel, work: Callable[[], T]) -> T:
    """What comes of `work`. Where memory runs out, what is kept of earlier questions is let go and it is done once
    more, in batches half as large. Raises NotEnoughMemory where it runs out again."""
    try:
        return work()
    except Exception as error:
        if not out_of_memory(error):
            raise
    # After the block, with which the error and all that its frames held are gone.
    model.forget()
    give_back_freed()
    try:
        with _halved():
            return work()
    except Exception as error:
        if not out_of_memory(error):
            raise
    give_back_freed()
    free = readable_bytes(available_bytes(torch.device(model.card.device)))
    raise NotEnoughMemory(
        f"Memory ran out during this ({name}), and once more in smaller steps; {free} are free now. Choose fewer "
        "tokens, a smaller picture, or a smaller model, or free memory."
    )


def continuations_at_once(card: ModelCard, head_size: int, prepared: PreparedPrompt, longest: int) -> int:
    """Rows of a batch of continuations of at most `longest` tokens, after the prefix that they share; at least 1."""
    width = len(prepared.ids) - prepared.shared + longest
    # Growing a cache copies it, so two copies live at once for a moment.
    keys = 2 * 2 * card.layers * card.key_value_heads * head_size * (prepared.shared + width) * card.number_bytes
    logits = 2 * width * card.vocabulary * 4
    hidden = 12 * width * card.hidden * card.number_bytes
    return in_smaller_batches(min(MOST_ROWS, _fitting(card, keys + logits + hidden)))


def images_at_once(model: VisionLanguageModel, answer: Answer) -> int:
    """Rows of a batch of whole passes over an answer, each with images of its own; at least 1."""
    most = _most_rows(model.card, len(answer.layout))
    return in_smaller_batches(min(most, _fitting(model.card, picture_pass_bytes(model, answer))))


def edits_at_once(card: ModelCard, answer: Answer, start: int) -> int:
    """Rows of a batch of passes over an answer from position `start` on, each under edits of its own; at least 1."""
    rows = len(answer.layout) - start
    return in_smaller_batches(min(_most_rows(card, rows), _fitting(card, edited_row_bytes(card, answer, start))))


def edited_row_bytes(card: ModelCard, answer: Answer, start: int) -> int:
    """Bytes of one row of such a batch."""
    rows, positions = len(answer.layout) - start, len(answer.layout)
    # One layer's states (the wide middle of its MLP counts for most), keys and values; a mask and its copy as
    # numbers; logits.
    states = 24 * rows * card.hidden * card.number_bytes
    keys = 4 * positions * card.hidden * card.number_bytes
    logits = 3 * len(answer.tokens) * card.vocabulary * 4
    return states + keys + 6 * rows * positions + logits


def _most_rows(card: ModelCard, positions: int) -> int:
    """How many rows of so many positions are worth reading together."""
    return MOST_ROWS if torch.device(card.device).type != "cpu" else min(MOST_ROWS, CPU_POSITIONS // positions)


def _fitting(card: ModelCard, each: int) -> int:
    """How many rows of `each` bytes a batch may have: it takes a quarter of the free memory, and at most 1 GiB."""
    return min(available_bytes(torch.device(card.device)) // 4, 2**30) // each
