"""Pictures of an explanation, and pictures to ask about."""

from __future__ import annotations

from PIL import Image

from ..answer import Answer, Explanation
from ..charts.heatmap import OPACITY, SIDE, heat_image
from ..street.draw import draw
from ..street.scene import sample


def overlay(answer: Answer, explanation: Explanation, *, size: int = SIDE, opacity: float = OPACITY) -> Image.Image:
    """The answer's pictures with every patch coloured by its score, the longer side `size` pixels. Raises ValueError
    where no patch has a place."""
    scores = explanation.scores.numpy()
    return heat_image(answer.question.images, explanation.about(answer).layout, scores, size=size, opacity=opacity)


def street_scene(number: int = 27) -> Image.Image:
    """A drawn street, as the embedded model knows them; the same number is the same scene."""
    return draw(sample(number)).image
