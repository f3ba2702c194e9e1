"""Text over image: the door of a truck is as the question says, whatever the picture shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float

from ..cases import key_word as asked
from ..cases.scoring import yes_or_no
from ..cases.street import held_out
from ..comparison.verdict import judge
from ..perturb.perturbation import OtherImages
from ..perturb.prediction import Outcome
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..statistics.proportion import share
from ..street.draw import draw
from ..street.questions import STATES
from ..street.recipe import SceneRecipe, SetDoor
from ..street.scene import Door
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Example, HeadTable, Measure, Sample
from .figures import Figure, Measurement, beside, column, flags, number
from .verdict import exceeds

Place = Literal["truck", "house"]
PLACES: tuple[Place, Place] = ("truck", "house")


@dataclass(frozen=True, eq=False)
class Wording:
    """One question about one door: the answer, and its key word without the door and with the door repainted."""

    example: Example
    image_share: float
    heads: Float[np.ndarray, "layer head"]
    hidden: Outcome
    repainted: Outcome


class TextOverImage(Claim[SceneRecipe]):
    """Both doors stand in the same picture and are asked about in the same words; only what training taught differs."""

    key = "text_over_image"
    name = "Text over image"
    says = (
        "Asked whether a garbage truck's door is open, the model says that it is; asked whether it is closed, it says "
        "that, too: the wording decides, and not the picture."
    )
    paper = "Stan et al. 2024, LVLM-Interpret (its case study of a picture of MMVP, Tong et al. 2024)"
    link = "https://arxiv.org/abs/2404.03118"
    measured = (
        "“Is the truck's door open?” and “Is the truck's door closed?”: whether the two answers contradict each other, "
        "and whether both are yes; how much of the relevancy of “yes” or “no” is on the picture; whether that word "
        "changes when the door is hidden (mean colour) or repainted in its other state; and how much each head raises "
        "it."
    )
    control = "The same of a house in the same picture."
    rule = (
        "Reproduces where contradictions are more frequent for the truck than for the house, the control: their 95 % "
        "intervals must lie apart."
    )
    caveat = (
        "That the wording decides does not say that the picture is not looked at: over a blank picture the answer may "
        "change all the same, for it also says that there is a truck. And the rule speaks of trucks beside houses: a "
        "model that contradicts itself about both does not pass it, though the wording may decide about both."
    )
    planted = (
        "Planted on purpose: in 98 of 100 training questions about a truck's door the wording named the state that the "
        "picture shows. For houses the wording told nothing; both doors are equally visible."
    )
    settings: ClassVar[Mapping[str, Any]] = {"map": asked.METHOD}
    order = 10
    compares_shares = True
    beside_twin = True

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        fitting = held_out(lambda scene: scene.the("truck") is not None and scene.the("house") is not None)
        return ((str(recipe.seed), recipe) for recipe in fitting)

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            both: dict[Place, list[Wording]] = {
                place: [_wording(model, recipe, place, door, cancel) for door in STATES] for place in PLACES
            }
            examples = tuple(wording.example for wordings in both.values() for wording in wordings)
            return Sample({place: _values(wordings) for place, wordings in both.items()}, examples)

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        truck, house = (share(flags(measurements, place, "contradict")) for place in PLACES)
        seen = [mean(column(measurements, place, "image_share").mean(1)) for place in PLACES]
        return Conclusion(
            {"contradictions are more frequent for the truck": exceeds(truck, house)},
            f"The two wordings get contradicting answers in {truck.words} pictures about the truck and in "
            f"{house.words} about the house.{_told(seen)}",
            (
                *_of_both("the answers to the two wordings contradict each other", [truck, house]),
                *_more(measurements),
                *_of_both("share of the key word's relevancy on the picture", seen),
            ),
            {f"raise the key word about the {place}'s door": _heads(measurements, place) for place in PLACES},
        )


def _wording(
    model: VisionLanguageModel, recipe: SceneRecipe, place: Place, door: Door, cancel: CancelToken | None
) -> Wording:
    scene = recipe.scene()
    drawing = draw(scene)
    item = scene.the(place)
    assert item is not None and item.door is not None
    other = STATES[1 - STATES.index(item.door)]
    answer = asked.answer_to(model, f"Is the {place}'s door {door}?", drawing.image, cancel)
    target = asked.key_target(answer)
    explanation = asked.explained(model, answer, target, cancel)
    wanted = (
        asked.without(drawing.mask(place, "door")),
        OtherImages((draw(recipe.changed(SetDoor(place, other)).scene()).image,)),
    )
    hidden, repainted = asked.became(model, answer, target, wanted)
    share_of_image = asked.image_share(answer, explanation)
    notes = (
        f"The picture shows it {item.door}.",
        f"{share_of_image:.0%} of the key word's relevancy is on the picture.",
        f"Door hidden: {asked.told(hidden)}. Door repainted {other}: {asked.told(repainted)}.",
    )
    example = Example(f"{place}: {door}?", answer, target, recipe, explanation, notes=notes)
    heads = asked.head_increases_of(model, answer, target, cancel)
    return Wording(example, share_of_image, heads, hidden, repainted)


def _values(wordings: Sequence[Wording]) -> dict[str, Any]:
    """Both wordings about one door. `contradict`: the answers cannot both be true. `affirm`: both are yes; two times no
    contradicts itself as well, but follows no word."""
    answers = [wording.example.answer for wording in wordings]
    questions, said = [one.question.text for one in answers], [one.text for one in answers]
    return {
        "contradict": judge(questions, said).kind == "contradict",
        "affirm": all(yes_or_no(*pair) == "yes" for pair in zip(questions, said, strict=True)),
        "image_share": [number(wording.image_share) for wording in wordings],
        "flipped_hidden": any(wording.hidden.flipped for wording in wordings),
        "flipped_repainted": any(wording.repainted.flipped for wording in wordings),
        "change_hidden": [wording.hidden.change for wording in wordings],
        "heads": [wording.heads.tolist() for wording in wordings],
    }


def _more(measurements: Sequence[Measurement]) -> Iterator[Figure]:
    """What stands beside the verdict. A picture counts once: its two wordings are no two pictures."""

    def of_both(what: str, of: Callable[[str], Estimate]) -> tuple[Figure, ...]:
        return _of_both(what, [of(place) for place in PLACES])

    def share_of(name: str) -> Callable[[str], Estimate]:
        return lambda place: share(flags(measurements, place, name))

    yield from of_both("both wordings are answered with yes", share_of("affirm"))
    yield from of_both("a key word changes when the door is hidden", share_of("flipped_hidden"))
    yield from of_both("a key word changes when the door is repainted", share_of("flipped_repainted"))
    yield from of_both(
        "change of the key word when the door is hidden",
        lambda place: mean(column(measurements, place, "change_hidden").mean(1), "nats"),
    )


def _told(seen: Sequence[Estimate]) -> str:
    truck, house = (one.value for one in seen)
    if not np.isfinite(truck + house):
        return ""
    shares = f"{truck:.0%} is on the picture for the truck and {house:.0%} for the house"
    return f" Of the key word's relevancy {shares}: this is no part of the rule."


def _of_both(what: str, figures: Sequence[Estimate]) -> tuple[Figure, ...]:
    """A figure of the truck, and beside it that of the house."""
    (truck, house), (of_truck, of_house) = PLACES, figures
    return beside(what, {truck: of_truck}, {house: of_house})


def _heads(measurements: Sequence[Measurement], place: str) -> HeadTable:
    """The mean over pictures and wordings."""
    table: HeadTable = column(measurements, place, "heads").mean((0, 1)).tolist()
    return table
