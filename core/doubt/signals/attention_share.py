"""How much the middle layers look at the picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...answer import Answer
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import NOTHING, Passes
from .._rows import rows_bytes, rows_kept
from ..look import Look, middle
from ..signal import Signal

FIRST, END = 5 / 32, 19 / 32
"""Layers 5 to 18 of the 32 that the paper's models have, as shares of the depth."""


class AttentionShare(Signal):
    """The share of attention that lies on the picture in the middle layers where the word is predicted: the summed
    visual attention ratio (SVAR) of Jiang et al. 2025, "Devils in middle layers of large vision-language models", which
    is the mean over heads summed over layers 5 to 18 of 32. Here it is the mean over the same part of the depth, so
    that it is a share whatever the number of layers.
    """

    key = "attention_share"
    name = "Attention on the picture (SVAR)"
    doubtful = "lower"
    paper = "Jiang et al. 2025, arXiv 2411.16724"
    caveat = "How much is looked at the picture says neither what is looked at nor what is taken from there."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        return NOTHING if rows_kept(answer) else Passes(forward=1)

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        return rows_bytes(model, answer, tokens)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        layers = look.attending(middle(look.model.card.layers, FIRST, END))
        share: Float[np.ndarray, "token"] = look.heads_mean[layers][:, :, look.images].sum(-1).mean(0)
        return share
