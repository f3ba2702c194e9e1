"""The recoloured shirt: one part of a picture changes, and one answer changes with it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..cases import key_word as asked
from ..cases.street import held_out
from ..comparison.keyword import key_word
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..statistics.proportion import share
from ..street.draw import draw
from ..street.recipe import Recolour, SceneRecipe
from ..street.scene import COLORS, Color
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Measurement, beside, column, flags, number
from .verdict import exceeds

SHIRT = "What color is the man's shirt?"
TROUSERS = "What color are the man's trousers?"
OTHERS = 3
"""Other colours that each scene's shirt is painted in."""


@dataclass(frozen=True, eq=False)
class Painted:
    """One picture: what was said of the shirt, whether that `names` its colour, and what was said of the trousers.
    `on_shirt` is the share of the map that is on the shirt, `area` the shirt's share of the picture."""

    example: Example
    names: bool
    trousers: str
    on_shirt: float
    area: float


class RecolouredShirt(Claim[SceneRecipe]):
    """The same scene with only the shirt's colour changed: what the answer and its map do."""

    key = "recoloured_shirt"
    name = "Recoloured shirt"
    says = (
        "Where only the shirt is painted in another colour, the answer names that colour, and the answer about the "
        "trousers stays as it was: what is seen at the right place decides."
    )
    paper = "After Stan et al. 2024, LVLM-Interpret, who ask about a man's shirt; repainting it is the test here"
    link = "https://arxiv.org/abs/2404.03118"
    measured = (
        f"“{SHIRT}” of each scene with the shirt as it is and in {OTHERS} other colours: the answers, and how much of "
        "the colour word's relevancy on the picture is on the shirt."
    )
    control = f"“{TROUSERS}” of the same pictures; and for the map, the shirt's share of the picture."
    rule = (
        f"Reproduces where the scenes whose shirt is named rightly as it is and in all {OTHERS} other colours are more "
        "than those whose trousers, the control, get another answer in any of them: the 95 % intervals must lie apart."
    )
    caveat = (
        "That a colour is read off the picture is the least one may ask. Where the map lies stands beside it and is no "
        "part of the rule: a map can be wrong about an answer that is right."
    )
    planted = "Not planted: shirts and trousers are painted at random, each for itself, and both are asked about."
    settings: ClassVar[Mapping[str, Any]] = {"others": OTHERS, "map": asked.METHOD}
    order = 20

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        return ((str(recipe.seed), recipe) for recipe in held_out(lambda scene: scene.the("man") is not None))

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            man = recipe.scene().the("man")
            assert man is not None
            own = man.color("shirt")
            others = random.Random(recipe.seed).sample([color for color in COLORS if color != own], OTHERS)
            repainted = [(color, recipe.changed(Recolour("man", "shirt", color))) for color in others]
            painted = [_painted(model, *one, cancel) for one in [(own, recipe), *repainted]]
            values = {
                "named": all(one.names for one in painted),
                "trousers_changed": any(one.trousers != painted[0].trousers for one in painted),
                "on_shirt": [number(one.on_shirt) for one in painted],
                "area": painted[0].area,
            }
            return Sample(values, tuple(one.example for one in painted))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        named, trousers = (share(flags(measurements, name)) for name in ("named", "trousers_changed"))
        on_shirt = mean(column(measurements, "on_shirt").mean(1))
        area = mean(column(measurements, "area"))
        return Conclusion(
            {"the shirt is named rightly more often than the trousers change": exceeds(named, trousers)},
            f"The shirt is named rightly in all its colours in {named.words} scenes, and the answer about the trousers "
            f"changes in {trousers.words}.{_lies(on_shirt, area)}",
            (
                *beside(
                    "the answer follows the shirt's colour",
                    {"shirt named rightly in all": named},
                    {"trousers changed in any": trousers},
                ),
                *beside(
                    "share of the map on the shirt", {"relevancy": on_shirt}, {"the shirt's share of the picture": area}
                ),
            ),
        )


def _lies(on_shirt: Estimate, area: Estimate) -> str:
    if math.isnan(on_shirt.value):
        return ""
    shares = f"{on_shirt.value:.0%} is on the shirt, which is {area.value:.1%} of it"
    return f" Of the map on the picture {shares}: this is no part of the rule."


def _painted(model: VisionLanguageModel, color: Color, recipe: SceneRecipe, cancel: CancelToken | None) -> Painted:
    drawing = draw(recipe.scene())
    answer = asked.answer_to(model, SHIRT, drawing.image, cancel)
    trousers = asked.answer_to(model, TROUSERS, drawing.image, cancel).text
    explanation = asked.explained(model, answer, asked.key_target(answer), cancel)
    shirt = drawing.mask("man", "shirt")
    on_shirt, area = asked.share_within(answer, explanation, shirt), float(shirt.mean())
    notes = (
        f"{on_shirt:.0%} of the map's score on the picture is on the shirt, which is {area:.1%} of it.",
        f"Of the trousers: {trousers}",
    )
    return Painted(
        Example(f"the shirt is {color}", answer, explanation.target, recipe, explanation, notes=notes),
        answer.text[key_word(SHIRT, answer.text)].casefold() == color,
        trousers,
        on_shirt,
        area,
    )
