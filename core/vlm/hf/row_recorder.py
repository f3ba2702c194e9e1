"""The attention rows of an answer while it is written: where they stay, from the first token on.

They are written straight into memory of the CPU that is set aside for the longest answer and taken from the system as
it is filled, so that a card holds none of them and nothing is copied at the end. Where all of them would be large, and
in half precision, they are of half precision; where they would take more than a part of the free memory, an answer
that comes so far has none: what is looked at of it is computed again.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...answer import AttentionRows
from ..memory import available_bytes

SHARE = 4
"""Rows may take one part in so many of the free memory."""

EXACT_BYTES = 64 * 2**20
"""Rows in single precision that would take more are kept in half."""


class RowRecorder:
    """Collects the last query's attention of every one of a decoder's `layers`, forward pass after forward pass, of at
    most so many `tokens`, over at most `length` keys."""

    def __init__(self, layers: int, tokens: int, length: int) -> None:
        self.passes = 0
        self._layers, self._tokens, self._length = layers, tokens, length
        self._counts = [0] * layers
        self._memory: Float[Tensor, "token layers heads key"] | None = None
        self._full = False

    def add(self, layer: int, row: Float[Tensor, "heads key"]) -> None:
        """Keep the row of a layer in the present pass."""
        if self._full:
            return
        if self._memory is None:
            self._memory = self._set_aside(row)
        self._counts[layer] += 1
        if self.passes > len(self._memory):
            self._memory, self._full = None, True
            return
        self._memory[self.passes - 1, layer, :, : row.shape[-1]] = row

    def _set_aside(self, row: Float[Tensor, "heads key"]) -> Tensor:
        each = self._layers * len(row) * self._length
        exact = row.dtype == torch.float32 and 4 * each * self._tokens <= EXACT_BYTES
        kind = np.float32 if exact else np.float16
        affordable = available_bytes(torch.device("cpu")) // SHARE // (each * np.dtype(kind).itemsize)
        shape = (max(1, min(self._tokens, affordable)), self._layers, len(row), self._length)
        # NumPy's zeros are taken from the system only as they are written to.
        return torch.from_numpy(np.zeros(shape, kind))

    def rows(self, answer: int, length: int) -> AttentionRows | None:
        """The rows of the first `answer` recorded passes over `length` keys, which share the recorder's memory; NaN in
        layers that have not one for each pass.

        None when nothing was recorded, as with an attention that goes around the registered function, and where they
        became too many.
        """
        seen = [count == self.passes for count in self._counts]
        if self._memory is None or not any(seen) or not answer:
            return None
        weights = self._memory[:answer, :, :, :length].permute(1, 2, 0, 3)
        for layer in range(self._layers):
            if not seen[layer]:
                weights[layer] = float("nan")
        return AttentionRows(weights)
