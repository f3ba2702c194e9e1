"""What passes over an answer cost in memory, and the refusal of what will not fit."""

from __future__ import annotations

import torch

from ..answer import Answer
from ..errors import NotEnoughMemory
from .memory import available_bytes, readable_bytes
from .model import VisionLanguageModel
from .precision import without_half_products
from .tower import block_bytes

SCRATCH = 24 * 2**20
"""Bytes that libraries take for a pass besides its states, however small it is: packed weights, buffers of threads, and
what allocators round up."""

ROW_COPIES = 10
"""A block of rows of a tower is taken apart in about so many steps, each of its size."""


def pass_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """About the most that one pass over the whole sequence takes, without any graph: of the decoder, or of the vision
    tower before it, where what that makes of the pictures is not kept."""
    return max(decoder_pass_bytes(model, answer), model.tower_pass_bytes(answer))


def decoder_pass_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """The same of the decoder alone."""
    card, positions = model.card, len(answer.layout)
    # A layer holds some dozen copies of its states at once (the wide middle of its MLP counts for eight).
    states = 24 * positions * card.hidden * card.number_bytes
    if without_half_products(torch.device(card.device), getattr(torch, card.dtype)):
        # What goes into a product and what comes out, in float32 (the wide middle of the MLP and its states).
        states += 8 * positions * card.hidden * 4
    return states + 3 * len(answer.tokens) * card.vocabulary * 4


def picture_pass_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """The same of a pass over pictures of its own: with reading these, and the vision tower."""
    return decoder_pass_bytes(model, answer) + pictures_bytes(answer) + model.tower_pass_bytes(answer)


def pictures_bytes(answer: Answer) -> int:
    """Bytes of reading an answer's pictures: red, green and blue as bytes and as numbers, each once more as it is
    resized."""
    return 3 * 10 * max(1, sum(width * height for width, height in answer.layout.image_sizes))


def tower_rows_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """Bytes of a checkpointed pass of the vision tower and of rows of its attention, block by block."""
    return model.tower_pass_bytes(answer, checkpoints=True) + ROW_COPIES * block_bytes(torch.device(model.card.device))


def checkpoint_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """Bytes of a checkpointed pass over the whole sequence, and of making it."""
    stored = (model.card.layers + 1) * len(answer.layout) * model.card.hidden * model.card.number_bytes
    return stored + pass_bytes(model, answer)


def edited_run_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """Bytes of a checkpointed pass that is run on under edits: with the keys and values of its pass, once more while
    they are cut from those of the question, and a batch of one."""
    return checkpoint_bytes(model, answer) + 2 * keys_bytes(model, answer) + decoder_pass_bytes(model, answer)


def keys_bytes(model: VisionLanguageModel, answer: Answer) -> int:
    """Bytes of the keys and values of the whole sequence in all layers."""
    card = model.card
    return 2 * card.layers * len(answer.layout) * card.hidden * card.key_value_heads // card.heads * card.number_bytes


def check_memory(name: str, needed: int, model: VisionLanguageModel, remedy: str) -> None:
    """Raises NotEnoughMemory, with the figures and `remedy` (a sentence), where `needed` bytes, and what every pass
    takes besides, are not free. What needs none makes no pass."""
    if not needed:
        return
    needed += SCRATCH
    free = available_bytes(torch.device(model.card.device))
    if needed > free:
        figures = f"{name} needs about {readable_bytes(needed)} for this answer, and {readable_bytes(free)} are free."
        raise NotEnoughMemory(f"{figures} {remedy}")
