"""The part of the picture that the map points to, asked about beside the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from ..answer import Answer, Box, Question, TokenKind
from ..errors import NotApplicable, QuestionError
from ..masking import as_seen, unmasked
from ..settings import choice
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.pass_costs import Passes
from ._region import METHODS, map_passes, region_of, without_places
from .base import Progress, Remedy, Tried, asked


@dataclass(frozen=True)
class CropSettings:
    """Whose map, and what is asked about."""

    method: str = choice("relative_attention", "Map", METHODS)
    about: str = choice("both", "Asked about", ("both", "the crop alone"), help="Both, as published.")


class Crop(Remedy):
    """ViCrop, Zhang et al. 2025, "MLLMs Know Where to Look": the part of the first picture that the map of the answer's
    deciding word points to is cut out, and the question asked about the picture and the crop together.

    What is small is seen larger. The crop is the window of the map that stands out most from its neighbours.
    """

    key = "crop"
    name = "Asked with a crop of the map"
    caveat = "A crop is as good as its map; a model that was shown one picture at a time may be confused by two."
    order = 60
    Settings = CropSettings

    def obstacle(self, model: VisionLanguageModel, answer: Answer) -> str | None:
        if answer.question.clips:
            return "A crop of one frame would be no frame of the video. Ask about a picture."
        return super().obstacle(model, answer) or without_places(answer)

    def passes(self, model: VisionLanguageModel, answer: Answer, settings: CropSettings) -> Passes:
        one = 1 / max(1, len(answer.question.images)) if settings.about == "both" else 0.0
        more = one * len(answer.layout.positions(TokenKind.IMAGE)) / max(1, len(answer.layout))
        asking = Passes(forward=1 + more, tower=1 + one, pictures=1 + one)
        return map_passes(model, answer, settings.method) + asking

    def apply(
        self,
        model: VisionLanguageModel,
        answer: Answer,
        settings: CropSettings,
        *,
        cancel: CancelToken,
        progress: Progress,
    ) -> Tried:
        box, share = region_of(model, answer, settings.method, cancel, lambda done: progress(0.6 * done))
        try:
            again = asked(model, with_crop(answer.question, box, settings.about == "both"), cancel=cancel)
        except QuestionError as error:
            raise NotApplicable(f"It cannot be asked with the crop: {error}") from error
        return Tried(again, f"With a crop that holds {share:.0%} of the map.", region=box)


def with_crop(question: Question, box: Box, both: bool) -> Question:
    """The question with a crop of its first picture after it, or in its place."""
    first, *others = as_seen(question)
    part = cropped(first, box)
    images = (first, part, *others) if both else (part, *others)
    at = question.images_at
    return replace(unmasked(question), images=images, images_at=(at[0], *at) if at and both else at)


def cropped(image: Image.Image, box: Box) -> Image.Image:
    """A part of a picture, in whole pixels, at least one."""
    left, top = (max(0, int(edge)) for edge in box[:2])
    right, bottom = max(left + 1, round(box[2])), max(top + 1, round(box[3]))
    return image.crop((left, top, min(right, image.width), min(bottom, image.height)))
