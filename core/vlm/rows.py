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
    merged = tape.place_of.shape[1]
    places = tape.place_of[tokens].flatten()
    with tape.play(layer, grad=False) as passed:
        heads, dtype = passed.taps[0].query.shape[0], passed.taps[0].query.dtype
        among = torch.zeros(heads, len(places), len(places), dtype=torch.promote_types(dtype, torch.float32))
        among = among.to(places.device)
        for tap in passed.taps:
            # The places of one image, or of one window of it, see each other and nothing else.
            own = ((places >= tap.offset) & (places < tap.offset + tap.query.shape[1])).nonzero()[:, 0]
            if len(own):
                seen = tap.rows(places[own] - tap.offset)[..., places[own] - tap.first_key]
                among[:, own[:, None], own] = seen
    return among.view(heads, len(tokens), merged, len(tokens), merged).mean(2).sum(-1)
