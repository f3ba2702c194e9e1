"""Choosing the next token: greedy, or temperature and then top-p, as `transformers` orders its warpers."""

from __future__ import annotations

from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Decoding


def probabilities(logits: Float[Tensor, "vocabulary"], temperature: float, top_p: float) -> Float[Tensor, "vocabulary"]:
    """What a sampled token is drawn from: the smallest set of likeliest tokens that holds `top_p`, renewed."""
    scaled = logits.float() / temperature
    if top_p < 1:
        ordered, order = torch.sort(scaled)
        # A token goes when it and all less likely ones together hold no more than 1 - top_p; the best one stays.
        outside = ordered.softmax(-1).cumsum(-1) <= 1 - top_p
        outside[-1] = False
        scaled = scaled.index_fill(0, order[outside], float("-inf"))
    return scaled.softmax(-1)


class Sampler:
    """Chooses the tokens of one answer. The same seed chooses the same tokens, on any device."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._generator = torch.Generator().manual_seed(decoding.seed)

    def choose(self, logits: Float[Tensor, "vocabulary"], never: Collection[int] = ()) -> int:
        """The next token, none of those that may `never` be said; of these some may be outside the vocabulary."""
        if never := [token for token in never if token < len(logits)]:
            logits = logits.index_fill(0, torch.tensor(never, device=logits.device), float("-inf"))
        if self._decoding.temperature <= 0:
            return int(logits.argmax())
        chances = probabilities(logits, self._decoding.temperature, self._decoding.top_p).cpu()
        return int(torch.multinomial(chances, 1, generator=self._generator))
