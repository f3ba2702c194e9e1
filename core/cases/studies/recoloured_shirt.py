"""The recoloured shirt: one part of a picture changes, and one answer changes with it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...comparison.keyword import key_word
from ...statistics.bootstrap import mean
from ...statistics.estimate import Estimate
from ...statistics.proportion import share
from ...street.draw import draw
from ...street.recipe import Recolour, SceneRecipe
from ...street.scene import COLORS, Color
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from . import readings
from .study import Example, Measured, Outcome, Study, held_out, judged

SHIRT = "What color is the man's shirt?"
TROUSERS = "What color are the man's trousers?"
OTHERS = 3
"""Other colours that each scene's shirt is painted in."""


@dataclass(frozen=True, eq=False)
class Painted:
    """One picture: what was said of the shirt and of the trousers. `on_shirt` is the share of the map that is on the
    shirt, `area` the shirt's share of the picture."""

    color: Color
    example: Example
    trousers: str
    on_shirt: float
    area: float

    @property
    def said(self) -> str:
        return self.example.answer.text

    @property
    def named(self) -> bool:
        """Whether the answer's key word is the shirt's colour."""
        return self.said[key_word(SHIRT, self.said)].casefold() == self.color


@dataclass(frozen=True, eq=False)
class Shirt:
    """One scene with its shirt as it is, and in other colours."""

    painted: tuple[Painted, ...]

    @property
    def others(self) -> tuple[tuple[Painted, Painted], ...]:
        """The scene as it is, beside each repainted one."""
        return tuple((self.painted[0], other) for other in self.painted[1:])


class RecolouredShirt(Study[SceneRecipe, Shirt]):
    """The same scene with only the shirt's colour changed: what the answer and its map do."""

    key = "recoloured_shirt"
    title = "Recoloured shirt"
    claim = (
        "Where only the shirt is painted in another colour, the answer names that colour, and the answer about the "
        "trousers stays as it was: what is seen at the right place decides."
    )
    source = "After Stan et al. 2024, LVLM-Interpret, who ask about a man's shirt; repainting it is the test here"
    asked = f"“{SHIRT}”, and as a control “{TROUSERS}”"
    looked_at = (
        f"The answers over each scene with the shirt as it is and in {OTHERS} other colours, and how much of the "
        "colour word's relevancy on the picture is on the shirt, beside the shirt's share of the picture."
    )
    rule = (
        f"Borne out where the scenes whose shirt is named rightly as it is and in all {OTHERS} other colours are more "
        "than those whose trousers, the control, get another answer in any of them: the 95 % intervals must lie apart."
    )
    caveat = (
        "That a colour is read off the picture is the least one may ask. Where the map lies stands beside it and is no "
        "part of the rule: a map can be wrong about an answer that is right."
    )
    planted = "Not planted: shirts and trousers are painted at random, each for itself, and both are asked about."

    def subjects(self) -> Iterator[SceneRecipe]:
        return held_out(lambda scene: scene.the("man") is not None)

    def read(self, model: VisionLanguageModel, subject: SceneRecipe, cancel: CancelToken | None) -> Shirt:
        man = subject.scene().the("man")
        assert man is not None
        own = man.color("shirt")
        others = random.Random(subject.seed).sample([color for color in COLORS if color != own], OTHERS)
        repainted = [(color, subject.changed(Recolour("man", "shirt", color))) for color in others]
        return Shirt(tuple(_look(model, *one, cancel) for one in [(own, subject), *repainted]))

    def conclude(self, reads: Sequence[Shirt]) -> Outcome:
        trousers = share(any(own.trousers != other.trousers for own, other in read.others) for read in reads)
        named = share(all(one.named for one in read.painted) for read in reads)
        lies = mean(float(np.mean([one.on_shirt for one in read.painted])) for read in reads)
        area = mean(read.painted[0].area for read in reads)
        return Outcome(
            judged(named, trousers),
            f"The shirt is named rightly in all its colours in {named.words} scenes, and the answer about the trousers "
            f"changes in {trousers.words}.{_lies(lies, area)}",
            (
                Measured(
                    "the answer follows the shirt's colour",
                    "shirt named rightly in all",
                    named,
                    "trousers changed in any",
                    trousers,
                ),
                Measured("share of the map on the shirt", "relevancy", lies, "the shirt's share of the picture", area),
            ),
            tuple(one.example for one in reads[0].painted),
        )


def _lies(on_shirt: Estimate, area: Estimate) -> str:
    if math.isnan(on_shirt.value):
        return ""
    found = f"{on_shirt.value:.0%} is on the shirt, which is {area.value:.1%} of it"
    return f" Of the map on the picture {found}: this is no part of the rule."


def _look(model: VisionLanguageModel, color: Color, recipe: SceneRecipe, cancel: CancelToken | None) -> Painted:
    drawing = draw(recipe.scene())
    answer = readings.answer_to(model, SHIRT, drawing.image, cancel)
    trousers = readings.answer_to(model, TROUSERS, drawing.image, cancel).text
    found = readings.explained(model, answer, readings.key_target(answer), cancel)
    shirt = drawing.mask("man", "shirt")
    on_shirt, area = readings.share_within(answer, found, shirt), float(shirt.mean())
    notes = (
        f"{on_shirt:.0%} of the map's score on the picture is on the shirt, which is {area:.1%} of it.",
        f"Of the trousers: {trousers}",
    )
    return Painted(
        color,
        Example(f"the shirt is {color}", answer, found.target, recipe, found, notes=notes),
        trousers,
        on_shirt,
        area,
    )
