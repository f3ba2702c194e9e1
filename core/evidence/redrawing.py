"""`redraw` as a fill: hidden patches show the drawn scene with nothing in it.

Things go with their shadows, and what stood behind them is the street itself, never another thing. So nothing stands
in a hidden patch that training did not draw; but a thing of which some patches are hidden is cut off at their edges,
and a patch that shows no thing stays nearly as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ..answer import Answer, Question, TokenLayout
from ..errors import NotApplicable
from ..masking import Canvas, as_seen, pixels_of
from ..perturb.perturbation import HiddenPatches, PixelPerturbation
from ..street.draw import draw
from ..street.recipe import SceneRecipe
from ..street.redraw import empty


@dataclass(frozen=True, eq=False)
class RedrawnPatches(PixelPerturbation):
    """The pixels of some image tokens, or all but theirs (`shown`), as `emptied` pictures have them. What the
    question's own masks hide stays as it is."""

    patches: HiddenPatches
    emptied: tuple[Image.Image, ...]
    question: Question

    @property
    def words(self) -> str:
        return self.patches.words

    @property
    def empty(self) -> bool:
        return self.patches.empty

    @property
    def by_content(self) -> bool:
        return False

    def painted(self, canvas: Canvas, layout: TokenLayout) -> Sequence[Image.Image]:
        pictures = []
        for image, seen in enumerate(canvas.painted(())):
            named = pixels_of(self.patches.positions, layout, image)
            hidden = ~named if self.patches.shown else named
            for mask in self.question.masks:
                if mask.image == image:
                    hidden = hidden & ~mask.hidden
            pixels = np.where(hidden[..., None], np.asarray(self.emptied[image]), np.asarray(seen))
            pictures.append(Image.fromarray(pixels))
        return pictures

    def of(self, question: Question, layout: TokenLayout) -> Question:
        return replace(question, images=tuple(self.painted(Canvas(as_seen(question)), layout)), masks=())


def as_read(answer: Answer, patches: Sequence[HiddenPatches], scenes: Sequence[SceneRecipe]) -> list[PixelPerturbation]:
    """What is read for some patches: those to be redrawn with the pictures of `scenes`, one for each picture of the
    question. Raises NotApplicable where one of these is not the drawing of its scene."""
    if all(one.fill != "redraw" for one in patches):
        return list(patches)
    emptied = emptied_pictures(answer.question, scenes)
    return [
        RedrawnPatches(one, emptied, answer.question) if one.fill == "redraw" and not one.empty else one
        for one in patches
    ]


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
