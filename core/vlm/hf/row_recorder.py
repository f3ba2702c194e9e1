"""The attention rows of an answer while it is written: where they stay, from the first token on.

They are written straight into memory of the CPU that is set aside for the longest answer and taken from the system as
it is filled, so that a card holds none of them and nothing is copied at the end. Where all of them would be large, and
in half precision, they are of half precision; where they would take more than a part of the free memory, an answer
that comes so far has none: what is looked at of it is computed again.

While an answer is written token by token, a layer's keys only grow, and nothing is hidden: what its rows are computed
from then is its queries and the latest keys. So queries wait, and the rows of several are computed at once, which
takes a fraction of the operations, and on a card of the copies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...answer import AttentionRows
from ..memory import available_bytes
from .last_rows import last_rows

SHARE = 4
"""Rows may take one part in so many of the free memory."""

EXACT_BYTES = 64 * 2**20
"""Rows in single precision that would take more are kept in half."""


AT_ONCE = 16
"""Rows of a layer that are computed together."""


@dataclass
class Waiting:
    """Queries of one layer in successive passes from `first` on, and the keys of the latest."""

    first: int
    scaling: float
    softcap: float | None
    sinks: Float[Tensor, "heads"] | None
    key: Float[Tensor, "batch key_value_heads key size"]
    queries: list[Float[Tensor, "batch heads 1 size"]] = field(default_factory=list)

    def rows(self) -> Float[Tensor, "heads row key"]:
        """Their rows, 0 at keys that came later. Half precision carries no more than half precision: large models
        would keep hundreds of megabytes."""
        query = torch.cat([query[0] for query in self.queries], 1).detach()
        rows = last_rows(query, self.key[0].detach(), None, self.scaling, self.softcap, self.sinks)
        return rows if self.key.dtype == torch.float32 else rows.to(torch.float16)


class RowRecorder:
    """Collects the last query's attention of every one of a decoder's `layers`, forward pass after forward pass, of at
    most so many `tokens`, over at most `length` keys."""

    def __init__(self, layers: int, tokens: int, length: int) -> None:
        self.passes = 0
        self._layers, self._tokens, self._length = layers, tokens, length
        self._counts = [0] * layers
        self._waiting: dict[int, Waiting] = {}
        self._memory: Float[Tensor, "token layers heads key"] | None = None
        self._full = False

    def add(self, layer: int, row: Float[Tensor, "heads key"]) -> None:
        """Keep the row of a layer in the present pass."""
        self._write_waiting(layer)
        self._counts[layer] += 1
        self._keep(self.passes - 1, layer, row[:, None])

    def follow(
        self,
        layer: int,
        query: Float[Tensor, "batch heads query size"],
        key: Float[Tensor, "batch key_value_heads key size"],
        scaling: float,
        softcap: float | None = None,
        sinks: Float[Tensor, "heads"] | None = None,
    ) -> None:
        """Keep the row of the first sequence's last query in the present pass of a layer, which sees all of `key`, by
        and by: the keys of the next pass, if they are one more, begin with these."""
        if self._full:
            return
        waiting = self._waiting.get(layer)
        if waiting is not None:
            goes_on = waiting.first + len(waiting.queries) == self.passes - 1
            if len(waiting.queries) == AT_ONCE or not goes_on or key.shape[2] != waiting.key.shape[2] + 1:
                self._write_waiting(layer)
                waiting = None
        if waiting is None:
            waiting = self._waiting[layer] = Waiting(self.passes - 1, scaling, softcap, sinks, key)
        # A part of a prompt's queries would keep all of them.
        waiting.queries.append(query if query.shape[2] == 1 else query[:, :, -1:].clone())
        waiting.key = key
        self._counts[layer] += 1

    def _write_waiting(self, layer: int) -> None:
        """Compute and keep the rows of a layer that wait."""
        if (waiting := self._waiting.pop(layer, None)) is not None:
            self._keep(waiting.first, layer, waiting.rows())

    def _keep(self, first: int, layer: int, rows: Float[Tensor, "heads row key"]) -> None:
        """Write the rows of a layer in successive passes from `first` on."""
        if self._full:
            return
        if self._memory is None:
            self._memory = self._set_aside(rows[:, 0])
        if first + rows.shape[1] > len(self._memory):
            self._memory, self._full = None, True
            return
        self._memory[first : first + rows.shape[1], layer, :, : rows.shape[-1]] = rows.transpose(0, 1)

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
        for layer in list(self._waiting):
            self._write_waiting(layer)
        seen = [count == self.passes for count in self._counts]
        if self._memory is None or not any(seen) or not answer:
            return None
        weights = self._memory[:answer, :, :, :length].permute(1, 2, 0, 3)
        for layer in range(self._layers):
            if not seen[layer]:
                weights[layer] = float("nan")
        return AttentionRows(weights)
