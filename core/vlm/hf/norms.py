"""Reading a module as a linear norm: gain, shift and centring are found by asking the module, so that it does not
matter by which names or conventions (Gemma's 1 + weight) it keeps them."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from ..linear_norm import LinearNorm

LARGE = 64.0
"""Inputs of this size make the norm's epsilon vanish, and overflow in no precision."""


def read_norm(module: torch.nn.Module, width: int, device: torch.device) -> LinearNorm | None:
    """A norm over states of `width` numbers as a linear map on `device`, wherever the module lies; None for a module
    that is none."""
    own = copy.deepcopy(module).requires_grad_(False)
    double = any(parameter.dtype == torch.float64 for parameter in own.parameters())
    dtype = torch.float64 if double else torch.float32
    own = own.to(dtype)
    place = next((parameter.device for parameter in own.parameters()), device)

    def whole(states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row hidden"]:
        normed: Tensor = own(states.to(place))
        return normed.to(states.device)

    sides = torch.ones(width, dtype=dtype, device=device)
    sides[1::2] = -1
    ramp = torch.linspace(-1, 2, width, dtype=dtype, device=device)
    with torch.no_grad():
        shift = whole(torch.zeros_like(sides))
        gain = (whole(LARGE * sides) - shift) * sides
        expected = whole(ramp)
    for centred in (False, True):
        norm = LinearNorm(whole, gain, shift, centred)
        if torch.allclose(norm.linear(ramp) * norm.scale(ramp) + shift, expected, atol=1e-4, rtol=1e-3):
            return norm
    return None
