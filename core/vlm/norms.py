"""Normalisation as a linear map: what a norm does to a sum once its scale is frozen.

An RMS or layer norm divides by a number that depends on all of its input, and is linear in everything else. Frozen at
the value it really had, it maps each summand of its input by itself, and the images of the summands sum to its output.
That is what attributions to heads rest on (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits",
section "Layer norm"). Gain, shift and centring are found by asking the norm, so that it does not matter by which names
or conventions (Gemma's 1 + weight) it keeps them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .precision import at_least_float32

LARGE = 64.0
"""Inputs of this size make the norm's epsilon vanish, and overflow in no precision."""


@dataclass(frozen=True, eq=False)
class LinearNorm:
    """norm(x) = scale(x) linear(x) + shift, with linear(x) = gain (x - mean x) where `centred`, else gain x.

    `module` is a copy of the norm in at least float32.
    """

    module: torch.nn.Module
    gain: Float[Tensor, "hidden"]
    shift: Float[Tensor, "hidden"]
    centred: bool

    def linear(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row hidden"]:
        """The part that maps sums to sums, in at least float32."""
        states = at_least_float32(states)
        return (states - states.mean(-1, keepdim=True) if self.centred else states) * self.gain

    def linear_back(self, directions: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row hidden"]:
        """The transpose of `linear`: linear(x) . d = x . linear_back(d)."""
        directions = at_least_float32(directions) * self.gain
        return directions - directions.mean(-1, keepdim=True) if self.centred else directions

    def scale(self, states: Float[Tensor, "*row hidden"]) -> Float[Tensor, "*row"]:
        """The number each state is multiplied by; 0 for a state without length."""
        states = states.to(self.gain.dtype)
        linear = self.linear(states)
        with torch.no_grad():
            normed = self.module(states) - self.shift
        power = (linear * linear).sum(-1)
        return (normed * linear).sum(-1) / power.clamp(min=torch.finfo(power.dtype).tiny)


def read_norm(module: torch.nn.Module, width: int, device: torch.device) -> LinearNorm | None:
    """A norm over states of `width` numbers as a linear map; None for a module that is none."""
    own = copy.deepcopy(module).requires_grad_(False)
    double = any(parameter.dtype == torch.float64 for parameter in own.parameters())
    dtype = torch.float64 if double else torch.float32
    own = own.to(dtype)
    sides = torch.ones(width, dtype=dtype, device=device)
    sides[1::2] = -1
    ramp = torch.linspace(-1, 2, width, dtype=dtype, device=device)
    with torch.no_grad():
        shift = own(torch.zeros_like(sides))
        gain = (own(LARGE * sides) - shift) * sides
        expected = own(ramp)
    for centred in (False, True):
        norm = LinearNorm(own, gain, shift, centred)
        if torch.allclose(norm.linear(ramp) * norm.scale(ramp) + shift, expected, atol=1e-4, rtol=1e-3):
            return norm
    return None
