"""Attention carried through all layers as if every head passed on what it saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer
from ..vlm.costs import tape_bytes
from ..vlm.model import VisionLanguageModel
from ..vlm.tape import Tap
from ..vlm.units import Unit
from ._descent import full_length
from .base import Explainer, Step

BLOCK_BYTES = 48 * 2**20
"""Attention rows are formed in blocks of about this size, and never as a whole matrix."""


class Rollout(Explainer):
    """Attention rollout, Abnar & Zuidema 2020, "Quantifying attention flow in transformers", section 3: the row of
    the predicting position in A_L ... A_1, where each layer's A is half the mean of its heads' attention and half the
    identity (for the residual connection).

    Only that row is carried down, so no layer's whole matrix is ever formed.
    """

    key = "rollout"
    name = "Attention rollout"
    caveat = "Attention alone: it takes no account of values, MLPs or the word, and spreads out with depth."
    contrasts = False

    def estimate(self, model: VisionLanguageModel, answer: Answer, units: Sequence[Unit], settings: Any) -> int:
        whole = model.card.heads * len(answer.layout) ** 2 * 4
        return tape_bytes(model, answer) + 3 * min(BLOCK_BYTES, whole)

    def scores(
        self, model: VisionLanguageModel, answer: Answer, units: Sequence[Unit], settings: Any
    ) -> Iterator[Step]:
        tape = model.tape(answer)
        rows = torch.zeros(len(units), len(tape.final), device=tape.final.device)
        rows[torch.arange(len(units)), [unit.position(answer) for unit in units]] = 1
        for layer in range(tape.layers - 1, -1, -1):
            yield Step(1 - (layer + 1) / tape.layers)
            with tape.play(layer, grad=False) as passed:
                for tap in passed.taps:
                    rows = (rows + mixed(rows, tap)) / 2
            tape.forget(layer)
        yield Step(1.0, full_length(rows, answer))


def mixed(rows: Float[Tensor, "unit position"], tap: Tap) -> Float[Tensor, "unit position"]:
    """rows @ mean over heads of the tap's attention, in blocks of the positions that have any weight."""
    heads, keys = tap.query.shape[0], tap.key.shape[1]
    active = (rows != 0).any(0).nonzero()[:, 0]
    found = torch.zeros_like(rows)
    for block in active.split(max(8, BLOCK_BYTES // (4 * heads * keys))):
        found += rows[:, block] @ tap.rows(block).mean(0)
    return found
