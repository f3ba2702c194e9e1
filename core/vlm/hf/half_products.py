"""Products of half precision on processors that have no arithmetic for it.

PyTorch multiplies half precision number by number where a processor has no instructions for it (AVX-512 or newer): on
AVX2 seven times as slowly as float32, and up to two hundred times in a backward pass. There products are made in
float32 and rounded once to what they would have been, which is what processors do that have such instructions: half
precision is multiplied exactly and added up in float32.

(Attention needs none of this: SDPA multiplies half precision as fast as any.) Weights are turned into float32 a block
at a time, so that no layer is held in two precisions.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..precision import HALF as HALF
from ..precision import without_half_products

LEAST_ROWS = 8
"""Fewer rows are multiplied as they are: turning the weights would take longer."""

BLOCK_BYTES = 32 * 2**20
"""About what the part of the weights takes that is in float32 at a time."""


def multiply_in_float32(network: torch.nn.Module) -> None:
    """Have the linear maps of a network multiply in float32 where its device would multiply number by number."""
    for module in network.modules():
        # (What holds weights in another way is of another class.)
        if type(module) is torch.nn.Linear and without_half_products(module.weight.device, module.weight.dtype):
            module.__class__ = LinearInFloat32


class LinearInFloat32(torch.nn.Linear):
    """A linear map of half precision whose products are made in float32."""

    def forward(self, input: Float[Tensor, "*row width"]) -> Float[Tensor, "*row made"]:
        weight, bias = self.weight, self.bias
        few = input.numel() < LEAST_ROWS * input.shape[-1]
        if few or input.dtype != weight.dtype or not without_half_products(weight.device, weight.dtype):
            return super().forward(input)
        if torch.is_grad_enabled() and (weight.requires_grad or (bias is not None and bias.requires_grad)):
            whole = None if bias is None else bias.float()
            return torch.nn.functional.linear(input.float(), weight.float(), whole).to(input.dtype)
        made: Tensor = _Product.apply(input, weight, bias)
        return made


class _Product(torch.autograd.Function):
    """A linear map with constant weights."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        exact, out = input.float(), input.new_empty(*input.shape[:-1], len(weight))
        for first, part in _parts(weight):
            made = torch.nn.functional.linear(exact, part.float())
            out[..., first : first + len(part)] = made if bias is None else made + bias[first : first + len(part)]
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        (gradient,), (weight,) = gradients, ctx.saved_tensors
        parts = _parts(weight)
        # (A slice of all there is has no rule by which several gradients are taken together.)
        pieces = gradient.split([len(part) for _, part in parts], -1) if len(parts) > 1 else (gradient,)
        total = pieces[0].float() @ parts[0][1].float()
        for piece, (_, part) in zip(pieces[1:], parts[1:], strict=True):
            total = total + piece.float() @ part.float()
        return total.to(gradient.dtype), None, None


def _parts(weight: Float[Tensor, "made width"]) -> list[tuple[int, Float[Tensor, "some width"]]]:
    """A weight matrix in blocks of rows, and where each begins."""
    rows = max(1, BLOCK_BYTES // (4 * weight.shape[1]))
    return [(first, weight[first : first + rows]) for first in range(0, len(weight), rows)]
