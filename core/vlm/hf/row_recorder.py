"""The attention rows of an answer while it is written: where they stay, from the first token on.

They are written straight into memory of the CPU that is set aside for the longest answer and taken from the system as
it is filled, so that a card holds none of them and nothing is copied at the end. Where all of them would be large, and
in half precision, they are of half precision; where not all are wanted, or may be kept, the first tokens' give way to
those of later ones, and what is looked at of them is computed again.

While an answer is written token by token, a layer's keys only grow, and nothing is hidden: what its rows are computed
from then is its queries and the latest keys. So queries wait, and the rows of several are computed at once, which
takes a fraction of the operations, and on a card of the copies.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...answer import AttentionRows
from ..keeping import KeepRows
from ..kept_budget import SHARE, bytes_allowed
from ..memory import available_bytes
from .last_rows import last_rows

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
        """Their rows, 0 at keys that came later."""
        query = torch.cat([query[0] for query in self.queries], 1).detach()
        return last_rows(query, self.key[0].detach(), None, self.scaling, self.softcap, self.sinks)


class RowRecorder:
    """Collects the last query's attention of a decoder's `layers`, forward pass after forward pass, of at most so many
    `tokens`, over at most `length` keys, as far as they are to be kept (`keep`)."""

    def __init__(self, layers: int, tokens: int, length: int, keep: KeepRows | None = None) -> None:
        keep = keep or KeepRows()
        self.passes = 0
        self._layers, self._number = keep.of_layers(layers), layers
        # The pass that ends an answer has a row as well.
        self._tokens, self._length = min(tokens, keep.of_tokens(tokens) + 1), length
        self._places = {layer: place for place, layer in enumerate(self._layers)}
        self._counts = dict.fromkeys(self._layers, 0)
        self._waiting: dict[int, Waiting] = {}
        self._memory: Float[Tensor, "token layers heads key"] | None = None

    def add(self, layer: int, row: Float[Tensor, "heads key"]) -> None:
        """Keep the row of a layer in the present pass."""
        if layer not in self._places:
            return
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
        if layer not in self._places:
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
        if self._memory is None:
            self._memory = self._set_aside(rows[:, 0])
        most, place = len(self._memory), self._places[layer]
        left_out = max(0, rows.shape[1] - most)
        rows, first = _off_the_card(rows[:, left_out:]), first + left_out
        # Once the memory is full it is written from its beginning again.
        until_end = min(rows.shape[1], most - first % most)
        for part, entry in ((rows[:, :until_end], first % most), (rows[:, until_end:], 0)):
            self._memory[entry : entry + part.shape[1], place, :, : rows.shape[-1]] = part.transpose(0, 1)

    def _set_aside(self, row: Float[Tensor, "heads key"]) -> Tensor:
        each = len(self._layers) * len(row) * self._length
        exact = row.dtype == torch.float32 and 4 * each * self._tokens <= EXACT_BYTES
        kind = np.float32 if exact else np.float16
        most = min(available_bytes(torch.device("cpu")) // SHARE, bytes_allowed())
        affordable = most // (each * np.dtype(kind).itemsize)
        shape = (max(1, min(self._tokens, affordable)), len(self._layers), len(row), self._length)
        # Zeros of NumPy, or of PyTorch, may come from memory that was in use before, and are then written at once: an
        # answer of a few words would keep what was set aside for the longest. This is taken from the system page by
        # page as it is written to, and goes back to it.
        memory = mmap.mmap(-1, int(np.prod(shape)) * np.dtype(kind).itemsize)
        return torch.from_numpy(np.ndarray(shape, kind, memory))

    def rows(self, answer: int, length: int) -> AttentionRows | None:
        """The rows of the first `answer` recorded passes, or of those of them that were kept, over `length` keys; they
        share the recorder's memory. NaN in layers that have not one for each pass.

        None when nothing was recorded, as with an attention that goes around the registered function.
        """
        for layer in list(self._waiting):
            self._write_waiting(layer)
        if self._memory is None or self.passes not in self._counts.values() or not answer:
            return None
        most = len(self._memory)
        kept = range(max(0, self.passes - most), min(answer, self.passes))
        tokens = dict(sorted((token % most, token) for token in kept))
        memory = self._memory[:, :, :, :length].permute(1, 2, 0, 3)
        in_order = list(tokens) == list(range(len(tokens)))
        weights = memory[:, :, : len(tokens)] if in_order else memory[:, :, list(tokens)]
        for layer, count in self._counts.items():
            if count != self.passes:
                weights[self._places[layer]] = float("nan")
        return AttentionRows(weights, tuple(tokens.values()), self._layers, self._number)


def _off_the_card(rows: Float[Tensor, "heads row key"]) -> Float[Tensor, "heads row key"]:
    """Rows in the CPU's memory; from a card they come through pinned memory, which PyTorch keeps for the next ones."""
    return torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True).copy_(rows) if rows.is_cuda else rows
