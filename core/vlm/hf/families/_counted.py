"""Positions as a network counts them for `generate`.

Networks with several rotary axes leave on themselves how far positions lag behind the order of the tokens
(`rope_deltas`), and use it when the next token comes: whichever question was asked last decides it. Positions are
therefore computed once from the inputs, by the network's own function, and given to every pass over a cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Int
from torch import Tensor
from transformers import GenerationMixin


def counted_by(network: Any, inputs: Mapping[str, Tensor]) -> Int[Tensor, "axes position"] | None:
    """The positions of a prompt on each of a network's axes; None where the network counts nothing but the order of
    its tokens, for which it needs no state. Writes what it counted on the network: hold the lock of the passes."""
    count = getattr(network, "_prepare_position_ids_for_generation", None)
    if count is None or count.__func__ is GenerationMixin._prepare_position_ids_for_generation:
        return None
    positions: Tensor = count(inputs["input_ids"], dict(inputs))
    return positions if positions.ndim == 2 else positions[:, 0]
