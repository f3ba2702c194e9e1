"""Hiding positions from the reader: what the answer would be if nobody behind the pictures could look at them.

The rows behind the last image token are read again over the prompt's kept keys and values, many hidings in one batch,
and each layer's own mask (causal, a sliding window, whatever the family has) loses the hidden columns. That is
attention knockout at all layers (Geva et al. 2023, "Dissecting recall of factual associations in auto-regressive
language models", section 3), not deletion: what the hidden tokens gave to other image tokens stays there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from core.answer import Answer, TokenKind


@dataclass(frozen=True, eq=False)
class Hiding:
    """For each sequence of a batch the columns that rows from position `first` on may not attend to."""

    columns: Bool[Tensor, "batch position"]
    first: int

    def mask(self, mask: Tensor | None, queries: int, keys: int) -> Tensor | None:
        """An attention mask (None is plain causal) without the hidden columns, [batch, 1 or heads, queries, keys].

        Queries are the last ones of the sequence. Every position still sees itself: a row that may look nowhere has
        no softmax. Passes over rows before `first` alone keep their mask.
        """
        if keys <= self.first:
            return mask
        device = self.columns.device
        rows = torch.arange(keys - queries, keys, device=device)[:, None]
        columns = torch.arange(keys, device=device)
        hidden = torch.zeros(self.columns.shape[0], keys, dtype=torch.bool, device=device)
        width = min(keys, self.columns.shape[1])
        hidden[:, :width] = self.columns[:, :width]
        allowed = ~hidden[:, None, None] | (columns == rows) | (rows < self.first)
        if mask is None:
            return allowed & (columns <= rows)
        if mask.dtype == torch.bool:
            return mask & allowed
        return mask.masked_fill(~allowed, torch.finfo(mask.dtype).min)


_active: ContextVar[Hiding | None] = ContextVar("hiding", default=None)


@contextlib.contextmanager
def hiding(columns: Bool[Tensor, "batch position"], first: int) -> Iterator[None]:
    """Let the decoder's passes of this block, in this thread, hide these columns from rows from `first` on."""
    token = _active.set(Hiding(columns, first))
    try:
        yield
    finally:
        _active.reset(token)


def without_hidden(mask: Tensor | None, queries: int, keys: int) -> Tensor | None:
    """The mask an attention is to use: the one it was given, less what the calling context hides."""
    active = _active.get()
    return mask if active is None else active.mask(mask, queries, keys)


def first_reader(answer: Answer) -> int:
    """The first position behind the last image token; 0 for a question without pictures."""
    return max(answer.layout.positions(TokenKind.IMAGE), default=-1) + 1


def hidden_columns(answer: Answer, hidden: Sequence[Sequence[int]]) -> Bool[Tensor, "set position"]:
    """Sets of positions as rows of a mask. Raises ValueError for a position outside the prompt."""
    prompt = len(answer.prompt_tokens)
    columns = torch.zeros(len(hidden), len(answer.layout), dtype=torch.bool)
    for row, positions in enumerate(hidden):
        if not all(0 <= position < prompt for position in positions):
            raise ValueError(f"only positions of the prompt (0 to {prompt - 1}) can be hidden")
        columns[row, list(positions)] = True
    return columns
