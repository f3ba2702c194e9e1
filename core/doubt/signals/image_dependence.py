"""How far the word rests on the picture."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ...answer import Answer
from ...vlm.memory_costs import picture_pass_bytes
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes, over_images
from ..look import Look
from ..signal import Signal


class ImageDependence(Signal):
    """The word's log-probability with the picture less that with a black one in its place, in nats, the words before it
    the same, mean over its tokens (as Favero et al. 2024, "Multi-modal hallucination control by visual information
    grounding", compare with and without the image): the figure of `core.evidence.dependence`.
    """

    key = "image_dependence"
    name = "Image dependence"
    doubtful = "lower"
    paper = "Favero et al. 2024, arXiv 2403.14003"
    unit = "nats"
    needs = "picture"
    caveat = "A word may rest on the picture and be read from the wrong thing, or follow from the words before it."

    def passes(self, model: VisionLanguageModel, answer: Answer) -> Passes:
        return Passes(forward=1) + over_images(1)

    def estimate(self, model: VisionLanguageModel, answer: Answer, tokens: int) -> int:
        return picture_pass_bytes(model, answer)

    def values(self, look: Look) -> Float[np.ndarray, "token"]:
        said = [look.answer.tokens[token].id for token in look.tokens]
        rows = range(len(said))
        difference: Float[np.ndarray, "token"] = (look.seeing[rows, said] - look.blind[rows, said]).numpy()
        return difference
