"""What contrastive decoding shares: distributions subtracted where the plausibility constraint allows a token."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..vlm.guiding import Logits


def plausible(logits: Logits, share: float) -> Float[Tensor, "vocabulary"]:
    """The logits to choose by of tokens whose probability is at least `share` of the likeliest one's; the lowest number
    there is for all others. The constraint of Li et al. (2023), "Contrastive Decoding"."""
    floor = logits.max() + math.log(share) if share > 0 else logits.min()
    return torch.where(logits >= floor, 0.0, torch.finfo(logits.dtype).min)


def contrasted(own: Logits, other: Logits, alpha: float, share: float) -> Logits:
    """(1 + alpha) own - alpha other, among the plausible tokens."""
    return ((1 + alpha) * own - alpha * other) + plausible(own, share)
