"""Attention over a packed row at the cost of what is seen, instead of a square mask over everything.

A row is a prefix and several segments (`batches.py`). The prefix attends to itself, causally; every segment
to the prefix and to itself under its own mask. Against one dense mask over the row this computes a third of
the scores and gives the same output.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

NAME = "street_packed"


@dataclass(frozen=True)
class Packing:
    """`mask` is [batch * segments, 1, length, prefix + length]; true where a key may be seen."""

    mask: Bool[Tensor, "rows 1 length keys"]
    prefix: int
    segments: int


_active: ContextVar[Packing | None] = ContextVar("packing", default=None)


def packed_attention(
    module: nn.Module,
    query: Float[Tensor, "batch heads row width"],
    key: Float[Tensor, "batch heads row width"],
    value: Float[Tensor, "batch heads row width"],
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Float[Tensor, "batch row heads width"], None]:
    """transformers' attention signature for a packed row. Raises LookupError outside `packing`."""
    packing = _active.get()
    if packing is None:
        raise LookupError("packed attention runs only inside `with packing(...)`")
    batch, heads, row, width = query.shape
    prefix, segments = packing.prefix, packing.segments
    length = (row - prefix) // segments

    def segmented(x: Tensor) -> Tensor:
        parts = x[:, :, prefix:].reshape(batch, heads, segments, length, width)
        return parts.transpose(1, 2).reshape(batch * segments, heads, length, width)

    def with_prefix(x: Tensor) -> Tensor:
        before = x[:, None, :, :prefix].expand(-1, segments, -1, -1, -1).reshape(batch * segments, heads, prefix, width)
        return torch.cat([before, segmented(x)], dim=2)

    after = scaled_dot_product_attention(
        segmented(query), with_prefix(key), with_prefix(value), attn_mask=packing.mask, scale=scaling
    )
    after = after.reshape(batch, segments, heads, length, width).permute(0, 1, 3, 2, 4)
    outputs = [after.reshape(batch, segments * length, heads, width)]
    if prefix:
        before = scaled_dot_product_attention(
            query[:, :, :prefix], key[:, :, :prefix], value[:, :, :prefix], is_causal=True, scale=scaling
        )
        outputs.insert(0, before.transpose(1, 2))
    return torch.cat(outputs, dim=1), None


def _no_mask(*args: Any, **kwargs: Any) -> None:
    return None


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, _no_mask)


@contextmanager
def packing(
    language_model: PreTrainedModel, mask: Bool[Tensor, "rows 1 length keys"], prefix: int, segments: int
) -> Iterator[None]:
    """Within it, `language_model` attends over packed rows; its own attention comes back afterwards."""
    before = language_model.config._attn_implementation
    language_model.set_attn_implementation(NAME)
    token = _active.set(Packing(mask, prefix, segments))
    try:
        yield
    finally:
        _active.reset(token)
        language_model.set_attn_implementation(before)
