"""Where does the colour of a thing come from that is not there?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..answer import Answer, Target
from ..cases import key_word as asked
from ..cases.street import held_out
from ..comparison.keyword import key_word
from ..evidence.location import Location, locate
from ..explainers.logprob_increase import LogprobIncrease
from ..explainers.run import explain
from ..perturb.prediction import Outcome
from ..statistics.bootstrap import mean
from ..statistics.proportion import share
from ..street import questions
from ..street.draw import Drawing, draw
from ..street.recipe import SceneRecipe
from ..street.scene import COLORS, Color
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Figure, Measurement, beside, column, flags, number
from .measures.masks import Mask, color_masks
from .measures.paths import WINDOW, path_figures, paths, told_paths
from .verdict import exceeds, holds, positive

QUESTION = "What color is the dog?"
EXISTENCE = "Is there a dog in the picture?"
ABSENT, PRESENT = "what is not there", "what is there"
OWN, OTHERS = "things of the colour said", "all other things"
HIDDEN = ("own", "others")


class AbsentThing(Claim[SceneRecipe]):
    """The colour of a dog in scenes without one: what it rests on."""

    key = "absent_thing"
    name = "A hallucinated colour is taken from the picture"
    says = (
        "Asked for the colour of a dog that is not in the picture, the model names one all the same, and it is read "
        "off something else in the picture: the patches that it rests on can be found."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering (visual hallucination)"
    )
    link = "https://arxiv.org/abs/2411.10950"
    measured = (
        f"“{QUESTION}” of scenes without a dog: whether a colour is named, and whether it is that of a thing in the "
        "picture; how much of what its map of log-probability increase has on things is on those of that colour, and "
        "how much of its relevancy; its change, and that of its log-probability, when they are hidden (mean colour); "
        "its image dependence; and attention knockout between picture, question and the position that predicts it, in "
        f"windows of {WINDOW} layers and in all. Also “{EXISTENCE}”."
    )
    control = (
        "The colours named for the other scenes; the share of a random map; hiding all other things; and image "
        "dependence and knockout of right answers about a thing that is there, in the same scenes."
    )
    rule = (
        "Reproduces where most answers name a colour, that is in the picture more often than those named for other "
        "scenes are (the 95 % intervals lie apart), of what the map has on things more is on those of that colour than "
        "a random map has, and hiding them lowers the colour further than hiding all other things (the 95 % intervals "
        "of the paired differences on the right side of zero)."
    )
    caveat = (
        "That a colour agrees with a thing's does not show from which of two alike things it came; grass and sky have "
        "colours, too, and are counted as nothing. A cut shows what a direct edge carries: what goes around by the "
        "words of the answer still arrives. Wrong colours of things that are there are too few here to say anything "
        "of. Training asks whether things are there, and for the colour only of those that are: nothing taught the "
        "model to refuse."
    )
    planted = "Not planted: no training question asks for the colour of what is not there."
    settings: ClassVar[Mapping[str, Any]] = {"window": WINDOW, "map": asked.METHOD}
    scenes = 24
    shown = 4
    order = 90
    former_keys = ("hallucinated_object",)

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        fitting = held_out(lambda scene: not scene.count("dog") and any(item.colors for item in scene.items))
        return ((str(recipe.seed), recipe) for recipe in fitting)

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            scene = recipe.scene()
            drawing = draw(scene)
            answer = asked.answer_to(model, QUESTION, drawing.image, cancel)
            exists = asked.answer_to(model, EXISTENCE, drawing.image, cancel).text
            explanation = asked.explained(model, answer, asked.key_target(answer), cancel)
            target = explanation.target
            word = answer.text[key_word(QUESTION, answer.text)].casefold()
            said = next((color for color in COLORS if color == word), None)
            masks = color_masks(drawing, scene)
            own = None if said is None else masks.get(said)
            notes = [f"“{EXISTENCE}” “{exists}”"]
            values: dict[str, Any] = {
                "said": said,
                "here": sorted(masks),
                "denied": exists.casefold().startswith("no"),
                "map": None if said is None else _rests_on(model, answer, target, masks, said),
                "hidden": None,
                "relevancy": None,
                ABSENT: paths(model, answer, target, cancel),
                PRESENT: _of_present(model, recipe, drawing, cancel),
            }
            if said is None or own is None:
                notes.append("No colour is named." if said is None else f"Nothing here is {said}.")
            else:
                on_own, area = asked.share_within(answer, explanation, own), float(own.mean())
                hidden = _hidden(model, answer, target, masks, said)
                values["relevancy"] = {"own": number(on_own), "area": area}
                values["hidden"] = {
                    name: {"change": one.change, "flipped": one.flipped} for name, one in hidden.items()
                }
                notes.append(
                    f"{on_own:.0%} of its map on the picture is on what is {said} ({area:.0%} of it). Hidden: "
                    f"{asked.told(hidden['own'])}."
                )
            example = Example(recipe.name, answer, target, recipe, explanation, notes=tuple(notes))
            return Sample(values, (example,))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        named = [measurement for measurement in measurements if measurement["said"] is not None]
        told = [measurement for measurement in named if measurement["hidden"]]
        known = [measurement for measurement in told if measurement["map"]]
        right = [measurement for measurement in measurements if measurement[PRESENT]]
        here = np.array([measurement["said"] in measurement["here"] for measurement in named], dtype=float)
        chance = np.array([_by_chance(measurement, named) for measurement in named])
        on_own, on_random = (column(known, "map", part) for part in ("tested", "random"))
        own, others = (column(known, "hidden", part, "change") for part in HIDDEN)
        differences = {
            "in the picture, more than the colours of other scenes": mean(here - chance),
            "share of the map on its things, more than a random map's": mean(on_own - on_random),
            "hidden, further fall than without all other things": mean(others - own, "nats"),
        }
        in_picture, *paired = differences
        estimates = {"own": mean(own, "nats"), "others": mean(others, "nats")}
        of_here, of_others = share(here > 0), mean(chance)
        of_map, of_random = mean(on_own), mean(on_random)
        return Conclusion(
            {
                "most answers name a colour": holds(2 * len(named) > len(measurements)),
                in_picture: exceeds(of_here, of_others),
                **{what: positive(differences[what]) for what in paired},
            },
            f"A colour is named in {len(named)} of {len(measurements)} scenes; {of_here.value:.0%} of the colours are "
            f"in the picture (those of other scenes: {of_others.value:.0%}). Of the map on things {of_map.value:.0%} "
            f"is on those of that colour (random map: {of_random.value:.0%}); without them log p changes by "
            f"{estimates['own'].value:+.2f} nats (without all others: {estimates['others'].value:+.2f}). "
            f"{told_paths(measurements, ABSENT)} {told_paths(right, PRESENT)}",
            (
                Figure("a colour is named", ABSENT, share(one["said"] is not None for one in measurements)),
                Figure("asked whether it is there, the model says no", ABSENT, share(flags(measurements, "denied"))),
                *beside(
                    "the colour is in the picture",
                    {"named for this scene": of_here},
                    {"named for other scenes": of_others},
                ),
                *beside(
                    "share of the map on its things",
                    {"log-probability increase": of_map},
                    {"random map": of_random},
                ),
                *beside(
                    "share of the map on the picture on its things",
                    {"relevancy": mean(column(told, "relevancy", "own"))},
                    {"their share of the picture": mean(column(told, "relevancy", "area"))},
                ),
                *beside("change when hidden", {OWN: estimates["own"]}, {OTHERS: estimates["others"]}),
                *beside(
                    "the word changes when hidden",
                    {OWN: share(flags(told, "hidden", "own", "flipped"))},
                    {OTHERS: share(flags(told, "hidden", "others", "flipped"))},
                ),
                *(Figure("paired difference", what, estimate) for what, estimate in differences.items()),
                *path_figures(measurements, ABSENT, control=False),
                *path_figures(right, PRESENT, control=True),
            ),
        )


def _hidden(
    model: VisionLanguageModel,
    answer: Answer,
    target: Target,
    masks: Mapping[Color, Mask],
    said: Color,
) -> dict[str, Outcome]:
    """What becomes of the word without the things of its colour, and without all others."""
    own = masks[said]
    others = np.logical_or.reduce([mask for color, mask in masks.items() if color != said] or [np.zeros_like(own)])
    wanted = [asked.without(mask) for mask in (own, others & ~own)]
    return dict(zip(HIDDEN, asked.became(model, answer, target, wanted), strict=True))


def _rests_on(
    model: VisionLanguageModel, answer: Answer, target: Target, masks: Mapping[Color, Mask], said: Color
) -> dict[str, float | None] | None:
    """Of the share of the increase's map that is on things, that on things of the colour said; the same of random maps.
    None where all things, or none, have that colour."""
    if said not in masks or len(masks) == 1:
        return None
    increase = explain(LogprobIncrease(), model, answer, [target])[0]
    of_color, of_all = (
        locate(model, answer, increase, mask) for mask in (masks[said], np.logical_or.reduce(list(masks.values())))
    )
    if of_color is None or of_all is None:
        return None
    pairs = zip(_energies(of_color), _energies(of_all), strict=True)
    shares = [part / whole if whole > 0 else None for part, whole in pairs]
    return dict(zip(("tested", "random"), shares, strict=True))


def _energies(place: Location) -> tuple[float, float]:
    """The share of the map, and on average of random ones, that is in a place."""
    return place.tested["energy"].value, float(np.mean([figures["energy"].value for figures in place.random]))


def _of_present(
    model: VisionLanguageModel, recipe: SceneRecipe, drawing: Drawing, cancel: CancelToken | None
) -> Measurement | None:
    """The same of a right answer about a thing that is there; None where there is none."""
    pair = questions.color(recipe.scene(), random.Random(recipe.seed))
    if pair is None:
        return None
    answer = asked.answer_to(model, pair.question, drawing.image, cancel)
    return paths(model, answer, asked.key_target(answer), cancel) if answer.text == pair.answer else None


def _by_chance(measurement: Measurement, named: Sequence[Measurement]) -> float:
    """How often the colours named for other scenes are in this one; NaN without another."""
    others = [other["said"] in measurement["here"] for other in named if other is not measurement]
    return float(np.mean(others)) if others else float("nan")
