"""The region that the map points to, made to stand out in the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from ..answer import Answer, Box
from ..masking import as_seen, unmasked
from ..settings import choice, number
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes, over_images
from ._region import METHODS, map_passes, region_of, without_places
from .base import Progress, Remedy, Tried, asked

RED = (255, 0, 0)


@dataclass(frozen=True)
class HighlightSettings:
    """Whose map, and how its region is marked."""

    method: str = choice("relative_attention", "Map", METHODS)
    way: str = choice("dimmed", "The rest is", ("dimmed", "left, the region framed"), help="Framed: in red.")
    dimmed: float = number(0.6, "Dimmed by", minimum=0.0, maximum=1.0, step=0.1, help="Towards the mean colour.")


class Highlight(Remedy):
    """Visual prompting: the window that the map of the answer's deciding word points to stays as it is, and the rest of
    the picture is dimmed; or it is framed in red (Shtedritski et al. 2023, "What does CLIP know about a red circle?").

    The size and place of everything stays, unlike with a crop.
    """

    key = "highlight"
    name = "The map's region highlighted"
    caveat = "It points where the model looked already; if that was the wrong place, it is made worse."
    order = 70
    Settings = HighlightSettings

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        if answer.question.clips:
            return "One frame of a video would be marked and not the others. Ask about a picture."
        return super().obstacle(model, answer) or without_places(answer)

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: HighlightSettings) -> Passes:
        return map_passes(model, answer, settings.method) + over_images(1)

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: HighlightSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        box, share = region_of(model, answer, settings.method, cancel, lambda done: progress(0.6 * done))
        first, *others = as_seen(answer.question)
        marked = framed(first, box) if settings.way != "dimmed" else dimmed(first, box, settings.dimmed)
        question = replace(unmasked(answer.question), images=(marked, *others))
        again = asked(model, question, cancel=cancel)
        return Tried(again, f"A region that holds {share:.0%} of the map is highlighted.", region=box)


def dimmed(image: Image.Image, box: Box, by: float) -> Image.Image:
    """A picture whose pixels outside a box have gone so far towards its mean colour."""
    pixels = np.asarray(image.convert("RGB"), np.float64)
    result = pixels * (1 - by) + pixels.reshape(-1, 3).mean(0) * by
    left, top, right, bottom = (round(edge) for edge in box)
    result[top:bottom, left:right] = pixels[top:bottom, left:right]
    return Image.fromarray(result.round().astype(np.uint8))


def framed(image: Image.Image, box: Box) -> Image.Image:
    """A picture with a red frame around a box."""
    drawn = image.convert("RGB")
    left, top, right, bottom = (round(edge) for edge in box)
    width = max(1, round(max(image.size) / 120))
    ImageDraw.Draw(drawn).rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=RED, width=width)
    return drawn
