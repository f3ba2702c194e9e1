"""Which words of an answer depend on the picture at all?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..answer import Answer, Fill
from ..perturb.outcomes import outcomes
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import check_own, token_targets_of, whole_answer
from .curves import blank
from .metric import Metric


class ImageDependence(Metric):
    """The log-probability of a token with the picture less that with an empty one in its place, in nats, the words
    before it the same: how much the picture speaks for it (as Favero et al. 2024, "Multi-modal hallucination control by
    visual information grounding", compare with and without the image). Figures about a map are worth reading on tokens
    that depend on the image.
    """

    key = "image_dependence"
    name = "Image dependence"
    better = "higher"
    caveat = "An empty picture is a picture too: the model may have its own opinion of a black square."


def image_dependence(model: VisionLanguageModel, answer: Answer, fill: Fill = "black") -> Float[np.ndarray, "answer"]:
    """log p with the pictures less log p with `fill` in their place, for each answer token, in nats.

    0 for a question without pictures. Needs no place of image tokens. Raises OtherModel, and NotApplicable for an empty
    answer.
    """
    check_own(model, answer)
    target = whole_answer(answer)
    if not answer.question.images:
        return np.zeros(len(answer.tokens))
    (outcome,) = outcomes(model, answer, token_targets_of(answer, target), [blank(fill)])
    return -outcome.changes
