"""How far a blank picture changes the whole prediction."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...answer import Answer
from ...vlm.memory_costs import picture_pass_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes, over_images
from ..look import Look
from ..signal import Signal


class BlankChange(Signal):
    """The Hellinger distance between what the model predicts with the picture and with a black one in its place, over
    the whole vocabulary: 0 where the picture changes nothing, 1 where nothing is left of the prediction. Mean over the
    word's tokens; the prompt dependency measure of Favero et al. 2024, "Multi-modal hallucination control by visual
    information grounding", who leave the distance open and take the picture out where it is blackened here.
    """

    key = "blank_change"
    name = "Change under a blank picture"
    doubtful = "lower"
    paper = "Favero et al. 2024, arXiv 2403.14003"
    needs = "picture"
    caveat = "It says that the picture was used, not that it was read rightly; and a black picture is a picture, too."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        return Passes(forward=1) + over_images(1)

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        return picture_pass_bytes(model, answer)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        overlap = (0.5 * (look.seeing + look.blind)).exp().sum(-1)
        distance: Float[np.ndarray, "token"] = (1 - overlap).clamp(min=0).sqrt().numpy()
        return distance
