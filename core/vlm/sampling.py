"""Choosing the next token: greedy, or temperature and then top-p, as `transformers` orders its warpers."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Decoding
from ..errors import NoNumbers

NOT_A_NUMBER = (
    "The model's output is no number (NaN or infinite): its weights are damaged, or its precision does not hold them. "
    "Load it in bfloat16 or float32, download it again, or choose another model."
)
ALL_THE_SAME = (
    "The model gives every word the same score, so it answers nothing: its weights are zero or damaged. Download it "
    "again, or choose another model."
)


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
        """The next token, none of those that may `never` be said; of these some may be outside the vocabulary. Raises
        NoNumbers where the logits are none, or the same for every token: then no token is chosen by them."""
        if never := [token for token in never if token < len(logits)]:
            logits = logits.index_fill(0, torch.tensor(never, device=logits.device), float("-inf"))
        highest = logits.max(-1)
        least = logits.masked_fill(logits == float("-inf"), float("inf")).min()
        # Read together, as a card is waited for each time; in float32, which holds every token's number exactly.
        read = torch.stack([highest.indices.float(), highest.values.float(), least.float()])
        token, best, worst = read.tolist()
        if math.isnan(best) or math.isinf(best):
            raise NoNumbers(NOT_A_NUMBER)
        if best == worst:
            raise NoNumbers(ALL_THE_SAME)
        if self._decoding.temperature <= 0:
            return int(token)
        chances = probabilities(logits, self._decoding.temperature, self._decoding.top_p).cpu()
        return int(torch.multinomial(chances, 1, generator=self._generator))
