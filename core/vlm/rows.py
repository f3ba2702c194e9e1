"""Attention looked up rather than recorded: any rows of the decoder, and the tower's among image tokens."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.vlm.tower import TowerTape


def attention_among(
    tape: TowerTape, layer: int, tokens: Int[Tensor, "token"]
) -> Float[Tensor, "heads token token_seen"]:
    """One tower layer's attention among some image tokens (indices into `place_of`).

    Merged places are averaged over queries and summed over keys. Tokens in different windows do not see each other.
    """
    places, merged = tape.place_of[tokens], tape.place_of.shape[1]
    with tape.play(layer, grad=False) as passed:
        heads, dtype = passed.taps[0].query.shape[0], passed.taps[0].query.dtype
        wide = torch.promote_types(dtype, torch.float32)
        among = torch.zeros(heads, len(tokens), len(tokens), dtype=wide, device=places.device)
        for tap in passed.taps:
            # The places of one square, or of one window, see each other and nothing else, and a token's stand in one.
            own = ((places[:, 0] >= tap.offset) & (places[:, 0] < tap.offset + tap.query.shape[1])).nonzero()[:, 0]
            if len(own):
                seen = tap.rows(places[own].flatten() - tap.offset)[..., places[own].flatten() - tap.first_key]
                among[:, own[:, None], own] = seen.view(heads, len(own), merged, len(own), merged).mean(2).sum(-1)
    return among
