"""Normalisation as a linear map: what a norm does to a sum once its scale is frozen.

An RMS or layer norm divides by a number that depends on all of its input, and is linear in everything else. Frozen at
the value it really had, it maps each summand of its input by itself, and the images of the summands sum to its output.
That is what attributions to heads rest on (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits",
section "Layer norm").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .precision import at_least_float32


@dataclass(frozen=True, eq=False)
class LinearNorm:
    """norm(x) = scale(x) linear(x) + shift, with linear(x) = gain (x - mean x) where `centred`, else gain x.

    `norm` is the whole of it, for states in the precision of `gain`, which is at least float32.
    """

    norm: Callable[[Float[Tensor, "*row hidden"]], Float[Tensor, "*row hidden"]]
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
            normed = self.norm(states) - self.shift
        power = (linear * linear).sum(-1)
        return (normed * linear).sum(-1) / power.clamp(min=torch.finfo(power.dtype).tiny)
