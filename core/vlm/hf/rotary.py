"""Rotary positions where the family counts and not the network: of a prompt they are `Prepared.positions`, on one axis
or three; whatever stands after it follows one by one, the same on every axis."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from .inputs import Prepared


def following(positions: Int[Tensor, "axes position"], count: int) -> Int[Tensor, "axes count"]:
    """The positions of `count` tokens after a sequence."""
    more = torch.arange(count, device=positions.device) + int(positions.max()) + 1
    return more.expand(positions.shape[0], -1)


def batched(positions: Int[Tensor, "axes position"]) -> Tensor:
    """One sequence's positions as a network takes them: (1, position), or (axes, 1, position)."""
    return positions if positions.shape[0] == 1 else positions[:, None]


def positions_from(prepared: Prepared, start: int, width: int) -> Int[Tensor, "axes width"]:
    """The positions of `width` tokens from `start` on: the prompt's, and those after it."""
    assert prepared.positions is not None
    own = prepared.positions[:, start:]
    return torch.cat([own, following(prepared.positions, width - own.shape[1])], dim=1)
