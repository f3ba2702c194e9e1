"""Positions that every pass over a cache is given, so that none depends on what a network read before. Those of a
prompt are `PositionedPrompt.positions`, on one axis or several; whatever stands after it follows one by one on every
axis."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from .inputs import PositionedPrompt


def turns_by_length(config: Any) -> bool:
    """Whether a decoder turns keys by other angles in a longer sequence (LongRoPE, Ding et al. 2024): what a short
    prompt left is not what a longer one that begins alike would have left."""
    parameters = getattr(config.get_text_config(), "rope_parameters", None) or {}
    kinds = (parameters, *(value for value in parameters.values() if isinstance(value, dict)))
    return any(kind.get("rope_type") == "longrope" for kind in kinds)


def turns_at(config: Any) -> int | None:
    """The longest sequence in which such a decoder turns keys by the angles of short ones; None for any other."""
    text = config.get_text_config()
    parameters = getattr(text, "rope_parameters", None) or {}
    name = "original_max_position_embeddings"
    longest = parameters.get(name) or getattr(text, name, None)
    return int(longest) if longest and turns_by_length(config) else None


def following(positions: Int[Tensor, "axes position"], count: int) -> Int[Tensor, "axes count"]:
    """The positions of `count` tokens after a sequence."""
    return positions[:, -1:] + torch.arange(1, count + 1, device=positions.device)


def batched(positions: Int[Tensor, "axes position"]) -> Tensor:
    """One sequence's positions as a network takes them: (1, position), or (axes, 1, position)."""
    return positions if positions.shape[0] == 1 else positions[:, None]


def positions_from(prompt: PositionedPrompt, start: int, width: int) -> Int[Tensor, "axes width"]:
    """The positions of `width` tokens from `start` on: the prompt's, and those after it."""
    assert prompt.positions is not None
    own = prompt.positions[:, start:]
    return torch.cat([own, following(prompt.positions, width - own.shape[1])], dim=1)
