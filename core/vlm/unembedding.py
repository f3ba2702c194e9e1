"""The unembedding taken apart: final norm, output embedding, and what a network makes of its products.

    logits(x) = cap(multiplier (scale(x) linear(x) + shift) U^T + multiplier bias)

With the norm's scale frozen, the logits before the cap are linear in the residual stream, so each summand of the stream
adds its own share to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .linear_norm import LinearNorm
from .precision import at_least_float32

PART = 8192
"""Rows of the output embedding that are brought to float32 at a time."""


@dataclass(frozen=True)
class LogitTransform:
    """What a network does to the products with its output embedding: l -> cap(multiplier l), with the cap
    c tanh(l / c) (Gemma 2) where there is one."""

    multiplier: float = 1.0
    softcap: float | None = None

    def __call__(self, products: Float[Tensor, "*row vocabulary"]) -> Float[Tensor, "*row vocabulary"]:
        """The logits; differentiable."""
        return self.cap(products * self.multiplier if self.multiplier != 1 else products)

    def cap(self, logits: Float[Tensor, "*row vocabulary"]) -> Float[Tensor, "*row vocabulary"]:
        """c tanh(l / c) where there is a cap c."""
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap


@dataclass(frozen=True, eq=False)
class Unembedding:
    """A network's unembedding. `weight` and `bias` are the network's own and in its precision."""

    norm: LinearNorm
    weight: Float[Tensor, "vocabulary hidden"]
    bias: Float[Tensor, "vocabulary"] | None
    logit_transform: LogitTransform

    def rows(self, ids: Sequence[int] | slice) -> Float[Tensor, "id hidden"]:
        """Rows of the output embedding, times the multiplier, in at least float32."""
        return self._multiplied(self.weight, ids)

    def constant(self, ids: Sequence[int] | slice) -> Float[Tensor, "id"]:
        """What stands in the logits of some tokens beside the residual stream: the norm's shift, the head's bias."""
        constant = self.rows(ids) @ self.norm.shift
        return constant if self.bias is None else constant + self._multiplied(self.bias, ids)

    def products(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row vocabulary"]:
        """A few states (or summands of one) times the whole output embedding, a part of its rows at a time."""
        starts = range(0, len(self.weight), PART)
        return torch.cat([states @ self.rows(slice(start, start + PART)).T for start in starts], -1)

    def _multiplied(self, parameter: Tensor, ids: Sequence[int] | slice) -> Tensor:
        own = at_least_float32(parameter[ids if isinstance(ids, slice) else list(ids)])
        multiplier = self.logit_transform.multiplier
        return own if multiplier == 1 else own * multiplier
