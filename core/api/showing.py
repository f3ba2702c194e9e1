"""Figures of results, and pictures to ask about."""

from __future__ import annotations

from typing import Any

from PIL import Image

from ..answer import Answer, Explanation
from ..charts.heat_images import heat_image
from ..charts.heatmap import OPACITY, SIDE
from ..reports.case import Case
from ..reports.figure import Figure
from ..reports.registry import renderer
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


def figures(kind: str, answer: Answer, result: Any, **about: Any) -> tuple[Figure, ...]:
    """The figures of a result about an answer, as reports have them: `figures("knockout", answer, curves)[0].save(
    "knockout.svg")`, or .png, .csv, .npz.

    `kind` names what the result is as a run keeps it (`sightline.runs.kinds`); `about` is what decides it, where the
    result does not say so itself (`target`, `positions`, ...). Raises UnknownName for a kind that there is not.
    """
    return tuple(renderer(kind).figures(Case(answer, result, about)))
