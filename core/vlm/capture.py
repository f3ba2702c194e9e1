"""Attention rows recorded while SDPA does the work.

The decoder runs under a registered attention function that returns SDPA's output. Where a recorder is active in the
calling context, it also stores the softmax row of the last query, which is the position that predicts the next
token: one row a layer and head, never a full matrix. Without a recorder the function *is* SDPA, so nothing needs to
be put back afterwards and another thread's pass records nothing.

The mask function is registered under the same name: without it transformers builds no mask at all for an attention
it does not know, and sliding windows and padding are lost.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from core.answer import AttentionRows

NAME = "sdpa_recorded"
"""The attention implementation of every decoder that this package loads."""

_active: ContextVar[RowRecorder | None] = ContextVar("attention_row_recorder", default=None)


class RowRecorder:
    """Collects the last query's attention of every layer, forward pass after forward pass."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Float[Tensor, "heads key"]]] = {}

    def add(self, layer: int, row: Float[Tensor, "heads key"]) -> None:
        self._rows.setdefault(layer, []).append(row)

    def rows(self, answer: int, length: int) -> AttentionRows | None:
        """The rows of the first `answer` recorded passes, padded with zeros to `length` keys.

        None when nothing was recorded, as with an attention that goes around the registered function.
        """
        if not self._rows or not answer:
            return None
        layers = [self._rows[layer] for layer in sorted(self._rows)]
        first = layers[0][0]
        weights = torch.zeros(len(layers), first.shape[0], answer, length, dtype=first.dtype, device=first.device)
        for token in range(answer):
            rows = torch.stack([layer[token] for layer in layers])
            weights[:, :, token, : rows.shape[-1]] = rows
        return AttentionRows(weights)


@contextlib.contextmanager
def recording(recorder: RowRecorder | None) -> Iterator[None]:
    """Let the passes of this block, in this thread, record into `recorder`; None records nothing."""
    token = _active.set(recorder)
    try:
        yield
    finally:
        _active.reset(token)


def last_row(
    query: Float[Tensor, "batch heads query size"],
    key: Float[Tensor, "batch key_value_heads key size"],
    mask: Tensor | None,
    scaling: float,
) -> Float[Tensor, "heads key"]:
    """The softmax row of the last query of the first sequence. Heads that share keys are grouped, not repeated."""
    heads, groups, size = query.shape[1], key.shape[1], query.shape[3]
    rows = query[0, :, -1].reshape(groups, heads // groups, size)
    scores = torch.bmm(rows, key[0].transpose(1, 2)).view(heads, -1).float() * scaling
    if mask is not None:
        allowed = mask[0, :, -1, : key.shape[2]]
        scores = scores.masked_fill(~allowed, float("-inf")) if allowed.dtype == torch.bool else scores + allowed
    return scores.softmax(-1)


def recorded_sdpa(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """SDPA, and the last query's row for the active recorder (a causal last query needs no mask of its own)."""
    recorder = _active.get()
    if recorder is not None:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        row = last_row(query.detach(), key.detach(), attention_mask, scale)
        # Half precision carries no more than half precision: large models would keep hundreds of megabytes.
        kept = row if query.dtype == torch.float32 else row.to(torch.float16)
        recorder.add(int(getattr(module, "layer_idx", 0)), kept)
    output: tuple[Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, **kwargs
    )
    return output


AttentionInterface.register(NAME, recorded_sdpa)
AttentionMaskInterface.register(NAME, sdpa_mask)
