"""What one layer adds to the residual stream, taken apart: by head and source position, and what is left to the MLP.

The residual stream is a sum (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"): a layer adds

    scale (sum_h sum_j A[h, i, j] V[h, j] P_h) + bias + MLP      to the state of position i,

with A the attention, V the values and P_h the head's slice of the output projection. Where a family puts a norm after
its attention before adding (Gemma 2 and 3), or multiplies it, the norm's scale is frozen at its actual value and the
linear rest of it is in P_h, so that the parts sum to what was really added. Where a layer gates its heads before their
projection (Qwen3.5), each head's gate is likewise frozen at what it was for position i, and V[h, j] stands times that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from .linear_norm import LinearNorm
from .precision import at_least_float32


@dataclass(frozen=True, eq=False)
class LayerDecomposition:
    """One layer at some rows of a checkpointed pass.

    `state` is the residual stream that enters the layer; `mixed` are the heads' outputs before the projection, times
    their `gate` where there is one; the projection's weight is `weight` (of the network's own precision); `norms` stand
    after it. `scale` is of those norms and of
    whatever the layer multiplies its attention by; `bias` is what the attention adds beside its heads, and `mlp` what
    is left of all that the layer adds, `added`. Heads that share values are grouped, not repeated.
    """

    state: Float[Tensor, "row hidden"]
    attention: Float[Tensor, "heads row key"]
    value: Float[Tensor, "key_value_heads key size"]
    mixed: Float[Tensor, "row heads size"]
    weight: Float[Tensor, "hidden heads_size"]
    norms: tuple[LinearNorm, ...]
    scale: Float[Tensor, "row"]
    bias: Float[Tensor, "row hidden"]
    mlp: Float[Tensor, "row hidden"]
    added: Float[Tensor, "row hidden"]
    gate: Float[Tensor, "row heads #size"] | None = None

    def row(self, index: int) -> LayerDecomposition:
        """One row alone."""
        own = slice(index, index + 1)
        return replace(
            self,
            state=self.state[own],
            attention=self.attention[:, own],
            mixed=self.mixed[own],
            scale=self.scale[own],
            bias=self.bias[own],
            mlp=self.mlp[own],
            added=self.added[own],
            gate=None if self.gate is None else self.gate[own],
        )

    def projection(self, heads: Sequence[int] | None = None) -> Float[Tensor, "heads size hidden"]:
        """P_h of some heads (None: all), in at least float32: made anew at every call, for it is large."""
        weight = self.weight.T.unflatten(0, self.mixed.shape[1:])
        matrices = at_least_float32(weight if heads is None else weight[list(heads)])
        for norm in self.norms:
            matrices = norm.linear(matrices)
        return matrices

    def by_head(self) -> Float[Tensor, "row heads hidden"]:
        """What each head adds at each row."""
        mixed = at_least_float32(self.mixed) * self.scale[:, None, None]
        return torch.bmm(mixed.transpose(0, 1), self.projection()).transpose(0, 1)

    def by_source(self, heads: Sequence[int]) -> Float[Tensor, "heads row key size"]:
        """What some heads take from each position, scaled, before their projection: A[h, i, j] V[h, j]."""
        group = self.attention.shape[0] // self.value.shape[0]
        value = at_least_float32(self.value[[head // group for head in heads]])[:, None]
        if self.gate is not None:
            value = value * at_least_float32(self.gate[:, list(heads)]).transpose(0, 1)[:, :, None]
        return (self.attention[list(heads)] * self.scale[:, None])[..., None] * value

    def value_of(self, head: int, source: int, row: int) -> Float[Tensor, "size"]:
        """What one head takes from a position for a row, for the whole of its attention."""
        value = at_least_float32(self.value[head * len(self.value) // self.attention.shape[0], source])
        return value if self.gate is None else value * at_least_float32(self.gate[row, head])


def without_heads(
    state: Float[Tensor, "row hidden"], added: Float[Tensor, "row hidden"], heads: int, keys: int
) -> LayerDecomposition:
    """A layer without attention, all of which is left to the MLP, in the form of one whose heads add nothing."""
    rows, hidden = state.shape
    state, added = at_least_float32(state), at_least_float32(added)
    return LayerDecomposition(
        state=state,
        attention=state.new_zeros(heads, rows, keys),
        value=state.new_zeros(heads, keys, 1),
        mixed=state.new_zeros(rows, heads, 1),
        weight=state.new_zeros(hidden, heads),
        norms=(),
        scale=state.new_ones(rows),
        bias=torch.zeros_like(state),
        mlp=added,
        added=added,
    )
