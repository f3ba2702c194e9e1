"""How like the word any patch is."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from ...answer import Answer
from ...vlm.memory_costs import checkpoint_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from ..look import Look, middle
from ..signal import Signal
from .spread import END, FIRST

TOP = 0.05
"""The share of patches that is most like the word."""


class Likeness(Signal):
    """How like the state from which the word is predicted the picture's patches are: the cosine of the two, the mean
    over the twentieth of image tokens with the highest, the mean over the middle half of the layers. The cross-modal
    grounding consistency (CGC) of Nguyen et al. 2026, "Beyond the global scores", by the settings of its published
    code, whose state is also that of the last position before the word.
    """

    key = "likeness"
    name = "Likeness of patches to the word (CGC)"
    doubtful = "lower"
    paper = "Nguyen et al. 2026, arXiv 2604.04863"
    caveat = "States of neighbouring layers share directions that belong to no word, and are alike for all."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        return Passes(forward=1)

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        return checkpoint_bytes(model, answer)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        scores = []
        for layer in middle(look.model.card.layers, FIRST, END):
            states = look.states(layer).detach().double()
            unit = torch.nn.functional.normalize(states, dim=-1)
            cosines = unit[look.positions] @ unit[look.images].T
            scores.append(cosines.topk(max(1, round(TOP * len(look.images))), -1).values.mean(-1))
        likeness: Float[np.ndarray, "token"] = torch.stack(scores).mean(0).cpu().numpy()
        return likeness
