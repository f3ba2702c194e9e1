"""(f) Where does the colour of a thing come from that is not there?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from ...answer import Answer, Target
from ...evidence.location import Location, locate
from ...explainers.logprob_increase import LogprobIncrease
from ...explainers.run import explain
from ...statistics.bootstrap import mean
from ...statistics.proportion import share
from ...street import questions
from ...street.draw import draw
from ...street.recipe import SceneRecipe
from ...street.scene import Scene
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..studies import readings as studied
from ..studies.hallucinated_object import HallucinatedObject, by_color
from .finding import Conclusion, Finding, Reader, Reading, column, quantity, unmet
from .paths import WINDOW, path_figures, paths, told_paths

STUDY = HallucinatedObject()
ABSENT, PRESENT = "what is not there", "what is there"
HIDDEN = ("own", "others")


class AbsentThing(Finding[SceneRecipe]):
    """The colour of a dog in scenes without one: what it rests on."""

    key = "absent_thing"
    title = "A hallucinated colour is taken from the picture"
    claim = (
        "An answer about what is not in the picture is read off something else in it: the patches that it rests on can "
        "be found."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering (visual hallucination)"
    )
    measured = (
        "“What color is the dog?” of scenes without a dog: whether the colour named is that of a thing in the picture; "
        "how much of what its map of log-probability increase has on things is on those of that colour; the change of "
        "its log-probability when they, or all other things, are hidden (mean colour); its image dependence; and "
        f"attention knockout between picture, question and the position that predicts it, in windows of {WINDOW} "
        "layers and in all."
    )
    baseline = (
        "The colours named for the other scenes; the share of a random map; hiding all other things; and image "
        "dependence and knockout of right answers about a thing that is there, in the same scenes."
    )
    rule = (
        "Reproduces where most answers name a colour, that is in the picture more often than those named for other "
        "scenes are, of what the map has on things more is on those of that colour than a random map has, and hiding "
        "them lowers the colour further than hiding all other things: all 95 % intervals of paired differences on the "
        "right side of zero."
    )
    caveat = (
        "That a colour agrees with a thing's does not show from which of two alike things it came; grass and sky have "
        "colours, too, and are counted as nothing. A cut shows what a direct edge carries: what goes around by the "
        "words of the answer still arrives. Wrong colours of things that are there are too few here to say anything of."
    )
    settings: ClassVar[Mapping[str, Any]] = {"window": WINDOW}

    def subjects(self, scenes: int) -> Iterator[tuple[str, SceneRecipe]]:
        return ((str(recipe.seed), recipe) for recipe in islice(STUDY.subjects(), scenes))

    def reader(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Reader[SceneRecipe]:
        def read(recipe: SceneRecipe, cancel: CancelToken | None) -> Reading | None:
            found = STUDY.read(model, recipe, cancel)
            scene, answer, target = recipe.scene(), found.example.answer, found.example.target
            on_things = None if found.said is None else _rests_on(model, answer, target, scene, found.said)
            hidden = found.without and dict(zip(HIDDEN, (effect.change for effect in found.without), strict=True))
            return {
                "said": found.said,
                "here": sorted(found.here),
                "map": on_things,
                "hidden": hidden,
                ABSENT: paths(model, answer, target, cancel),
                PRESENT: _of_present(model, recipe, scene, cancel),
            }

        return read

    def conclude(self, readings: Sequence[Reading]) -> Conclusion:
        named = [reading for reading in readings if reading["said"] is not None]
        known = [reading for reading in named if reading["map"] and reading["hidden"]]
        right = [reading for reading in readings if reading[PRESENT]]
        here = np.array([reading["said"] in reading["here"] for reading in named], dtype=float)
        chance = np.array([_by_chance(reading, named) for reading in named])
        tested, drawn = (column(known, "map", part) for part in ("tested", "random"))
        own, others = (column(known, "hidden", part) for part in HIDDEN)
        deciding = {
            "in the picture, more than the colours of other scenes": mean(here - chance),
            "share of the map on its things, more than a random map's": mean(tested - drawn),
            "hidden, further fall than without all other things": mean(others - own, "nats"),
        }
        here_share, on_own, hidden = (
            "the colour is in the picture",
            "share of the map on its things",
            "change when hidden",
        )
        beside = (
            quantity(here_share, "named for this scene", share(here > 0)),
            quantity(here_share, "named for other scenes", mean(chance), control=True),
            quantity(on_own, "log-probability increase", mean(tested)),
            quantity(on_own, "random map", mean(drawn), control=True),
            quantity(hidden, "things of the colour said", mean(own, "nats")),
            quantity(hidden, "all other things", mean(others, "nats"), control=True),
        )
        values = [one.estimate.value for one in beside]
        held = {"most answers name a colour": 2 * len(named) > len(readings)}
        held |= {what: found.low > 0 for what, found in deciding.items()}
        return Conclusion(
            all(held.values()),
            f"A colour is named in {len(named)} of {len(readings)} scenes; {values[0]:.0%} of the colours are in the "
            f"picture (those of other scenes: {values[1]:.0%}). Of the map on things {values[2]:.0%} is on those of "
            f"that colour (random map: {values[3]:.0%}); without them log p changes by {values[4]:+.2f} nats (without "
            f"all others: {values[5]:+.2f}). {told_paths(readings, ABSENT)} {told_paths(right, PRESENT)}{unmet(held)}",
            (
                quantity("a colour is named", ABSENT, share(reading["said"] is not None for reading in readings)),
                *beside,
                *(quantity("difference that decides", what, found) for what, found in deciding.items()),
                *path_figures(readings, ABSENT, control=False),
                *path_figures(right, PRESENT, control=True),
            ),
        )


def _rests_on(
    model: VisionLanguageModel, answer: Answer, target: Target, scene: Scene, said: str
) -> dict[str, float] | None:
    """Of the share of the increase's map that is on things, that on things of the colour said; the same of random maps.
    None where all things, or none, have that colour."""
    masks = by_color(draw(scene), scene)
    own = [mask for color, mask in masks.items() if color == said]
    if not own or len(masks) == 1:
        return None
    found = explain(LogprobIncrease(), model, answer, [target])[0]
    of_color, of_all = (
        locate(model, answer, found, mask) for mask in (own[0], np.logical_or.reduce(list(masks.values())))
    )
    if of_color is None or of_all is None:
        return None

    pairs = zip(_energies(of_color), _energies(of_all), strict=True)
    shares = [part / whole if whole > 0 else float("nan") for part, whole in pairs]
    return dict(zip(("tested", "random"), shares, strict=True))


def _energies(place: Location) -> tuple[float, float]:
    """The share of the map, and on average of random ones, that is in a place."""
    return place.tested["energy"].value, float(np.mean([figures["energy"].value for figures in place.random]))


def _of_present(
    model: VisionLanguageModel, recipe: SceneRecipe, scene: Scene, cancel: CancelToken | None
) -> Reading | None:
    """The same of a right answer about a thing that is there; None where there is none."""
    pair = questions.color(scene, random.Random(recipe.seed))
    if pair is None:
        return None
    answer = studied.answer_to(model, pair.question, draw(scene).image, cancel)
    return paths(model, answer, studied.key_target(answer), cancel) if answer.text == pair.answer else None


def _by_chance(reading: Reading, named: Sequence[Reading]) -> float:
    """How often the colours named for other scenes are in this one; NaN without another."""
    others = [other["said"] in reading["here"] for other in named if other is not reading]
    return float(np.mean(others)) if others else float("nan")
