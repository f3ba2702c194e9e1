"""`redraw` as a fill: hidden patches show the drawn scene with nothing in it.

Things go with their shadows, and what stood behind them is the street itself, never another thing. So nothing stands
in a hidden patch that training did not draw; but a thing of which some patches are hidden is cut off at their edges,
and a patch that shows no thing stays nearly as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..answer import Answer, Question
from ..errors import NotApplicable
from ..masking import as_seen, pixels_of
from ..perturb.perturbation import HiddenPatches, OtherImages, PixelPerturbation
from ..street.draw import draw
from ..street.recipe import SceneRecipe
from ..street.redraw import empty


@dataclass(frozen=True, eq=False)
class Redrawn:
    """What is read for some patches, one by one: other pictures where they are redrawn, and themselves where not.
    `emptied` are the question's pictures with nothing in them. What its own masks hide stays as it is."""

    answer: Answer
    patches: Sequence[HiddenPatches]
    emptied: tuple[Image.Image, ...]

    def __len__(self) -> int:
        return len(self.patches)

    def __iter__(self) -> Iterator[PixelPerturbation]:
        seen = as_seen(self.answer.question)
        for one in self.patches:
            redrawn = one.fill == "redraw" and not one.empty
            yield OtherImages(tuple(self._painted(one, seen)), one.words) if redrawn else one

    def _painted(self, patches: HiddenPatches, seen: Sequence[Image.Image]) -> Iterator[Image.Image]:
        for image, (picture, emptied) in enumerate(zip(seen, self.emptied, strict=True)):
            named = pixels_of(patches.positions, self.answer.layout, image)
            hidden = ~named if patches.shown else named
            for mask in self.answer.question.masks:
                if mask.image == image:
                    hidden = hidden & ~mask.hidden
            pixels = np.where(hidden[..., None], np.asarray(emptied), np.asarray(picture.convert("RGB")))
            yield Image.fromarray(pixels)


def as_read(
    answer: Answer, patches: Sequence[HiddenPatches], scenes: Sequence[SceneRecipe]
) -> Sequence[PixelPerturbation] | Redrawn:
    """What is read for some patches: those to be redrawn with the pictures of `scenes`, one for each picture of the
    question. Raises NotApplicable where one of these is not the drawing of its scene."""
    if all(one.fill != "redraw" for one in patches):
        return patches
    return Redrawn(answer, patches, emptied_pictures(answer.question, scenes))


def emptied_pictures(question: Question, scenes: Sequence[SceneRecipe]) -> tuple[Image.Image, ...]:
    """The pictures of a question with nothing in them. Raises NotApplicable where `scenes` are not theirs, pixel by
    pixel."""
    if not scenes or len(scenes) != len(question.images):
        raise NotApplicable(
            "Only drawn scenes can be redrawn, and which scene each picture is of is not known here. Choose another "
            "fill; inpainting is possible with any picture."
        )
    for recipe, image in zip(scenes, question.images, strict=True):
        if not np.array_equal(np.asarray(draw(recipe.scene()).image), np.asarray(image.convert("RGB"))):
            raise NotApplicable(
                f"The picture is not the drawing of {recipe.name}, so it cannot be redrawn. Name its own scene, or "
                "choose another fill."
            )
    return tuple(draw(empty(recipe.scene())).image for recipe in scenes)
