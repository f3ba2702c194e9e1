"""A hallucinated object: the colour of a dog that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from ...answer import Answer, Explanation
from ...causal.rates import Effect
from ...comparison.keyword import key_word
from ...statistics.bootstrap import mean
from ...statistics.proportion import share
from ...street.draw import Drawing, draw
from ...street.recipe import SceneRecipe
from ...street.scene import COLORS, Color, Scene
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from . import readings
from .study import Example, Measured, Outcome, Study, held_out, judged

QUESTION = "What color is the dog?"
EXISTENCE = "Is there a dog in the picture?"
EXHIBITS = 4
Mask = Bool[np.ndarray, "height width"]


@dataclass(frozen=True, eq=False)
class NoDog:
    """One scene without a dog. `said` is the colour that was named, if any; `here` those of the things in the picture;
    `denied`: asked for it, the model says that there is no dog. The rest is known where `said` is in the picture:
    `on_things` is the map's share on the things of that colour, `area` their share of the picture, and `without` what
    becomes of the word when they, or all other things, are hidden.
    """

    example: Example
    said: Color | None
    here: frozenset[Color]
    denied: bool
    on_things: float = float("nan")
    area: float = float("nan")
    without: tuple[Effect, Effect] | None = None


class HallucinatedObject(Study[SceneRecipe, NoDog]):
    """Scenes without a dog, and the question of its colour."""

    key = "hallucinated_object"
    title = "A hallucinated object"
    claim = (
        "Asked for the colour of a dog that is not in the picture, the model names one all the same, and it is that of "
        "something else in the picture."
    )
    source = "After Yu and Ananiadou 2024, Understanding Multimodal LLMs, who trace hallucinated answers to patches"
    asked = f"“{QUESTION}” of scenes without a dog, and as a control “{EXISTENCE}”"
    looked_at = (
        "Whether a colour is named; whether it is that of a thing in the picture; how much of the word's relevancy is "
        "on things of that colour; and whether the word changes when they are hidden (mean colour), beside hiding all "
        "other things."
    )
    rule = (
        "Borne out where the colour named is in the picture more often than the colours named for other scenes are, "
        "the control: the 95 % intervals must lie apart. Where fewer than half of the answers name a colour it is not "
        "borne out."
    )
    caveat = (
        "Training asks whether things are there, and for the colour only of those that are: nothing taught the model "
        "to refuse. That a colour agrees with a thing's does not show from which of two alike things it came."
    )
    planted = "Not planted: no training question asks for the colour of what is not there."
    scenes = 24
    shown = "The first scenes"

    def subjects(self) -> Iterator[SceneRecipe]:
        return held_out(lambda scene: not scene.count("dog") and any(item.colors for item in scene.items))

    def read(self, model: VisionLanguageModel, subject: SceneRecipe, cancel: CancelToken | None) -> NoDog:
        scene = subject.scene()
        drawing = draw(scene)
        answer = readings.answer_to(model, QUESTION, drawing.image, cancel)
        control = readings.answer_to(model, EXISTENCE, drawing.image, cancel).text
        found = readings.explained(model, answer, readings.key_target(answer), cancel)
        word = answer.text[key_word(QUESTION, answer.text)].casefold()
        said = next((color for color in COLORS if color == word), None)
        things = by_color(drawing, scene)
        asked = f"“{EXISTENCE}” “{control}”"
        denied = control.casefold().startswith("no")
        if said is None or said not in things:
            where = "No colour is named." if said is None else f"Nothing here is {said}."
            return NoDog(_example(subject, found, answer, asked, where), said, frozenset(things), denied)
        own = things[said]
        others = np.logical_or.reduce([mask for color, mask in things.items() if color != said] or [np.zeros_like(own)])
        images = [readings.without(drawing.image, mask) for mask in (own, others & ~own)]
        first, second = readings.effects(model, answer, found.target, images)
        on_things = readings.share_within(answer, found, own)
        where = (
            f"{on_things:.0%} of its map on the picture is on what is {said} ({own.mean():.0%} of it). Hidden: "
            f"{readings.told(first)}."
        )
        example = _example(subject, found, answer, asked, where)
        return NoDog(example, said, frozenset(things), denied, on_things, float(own.mean()), (first, second))

    def conclude(self, reads: Sequence[NoDog]) -> Outcome:
        named = share(read.said is not None for read in reads)
        denied = share(read.denied for read in reads)
        told = [read for read in reads if read.said is not None]
        here = share(read.said in read.here for read in told)
        chance = mean(_by_chance(read, told) for read in told)
        verdict = judged(here, chance) if named.value >= 0.5 else "not borne out"
        told_here = [read for read in told if read.without is not None]
        effects = [read.without for read in told_here if read.without is not None]
        return Outcome(
            verdict,
            f"A colour is named in {named.words} scenes; {here.words} times it is that of something there, where the "
            f"colours named for the other scenes would be in {chance.value:.0%}.",
            (
                Measured("a colour is named", "what is not there", named),
                Measured("asked whether it is there, the model says no", "what is not there", denied),
                Measured("the colour named is that of something there", "this scene's", here, "other scenes'", chance),
                Measured(
                    "the word changes when things are hidden",
                    "things of that colour",
                    share(own.flipped for own, _ in effects),
                    "all other things",
                    share(other.flipped for _, other in effects),
                ),
                Measured(
                    "share of the map on things of that colour",
                    "relevancy",
                    mean(read.on_things for read in told_here),
                    "their share of the picture",
                    mean(read.area for read in told_here),
                ),
            ),
            tuple(read.example for read in reads[:EXHIBITS]),
        )


def by_color(drawing: Drawing, scene: Scene) -> dict[Color, Mask]:
    """For each colour the pixels of the things and parts that have it."""
    found: dict[Color, Mask] = {}
    for kind in dict.fromkeys(item.kind for item in scene.items):
        for index, item in enumerate(scene.of_kind(kind)):
            for part, color in item.colors:
                whole = part == "body" and kind != "truck"
                mask = drawing.mask(kind, None if whole else part, index)
                found[color] = found[color] | mask if color in found else mask
    return found


def _by_chance(read: NoDog, told: Sequence[NoDog]) -> float:
    """How often the colours named for other scenes are in this one; NaN without another."""
    others = [other.said in read.here for other in told if other is not read]
    return float(np.mean(others)) if others else float("nan")


def _example(recipe: SceneRecipe, found: Explanation, answer: Answer, *notes: str) -> Example:
    return Example(recipe.name, answer, found.target, recipe, found, notes=notes)
