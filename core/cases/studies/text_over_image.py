"""Text over image: the door of a truck is as the question says, whatever the picture shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ...causal.rates import Effect
from ...comparison.verdict import judge
from ...statistics.bootstrap import mean
from ...statistics.estimate import Estimate, Unit
from ...statistics.proportion import share
from ...street.draw import draw
from ...street.questions import STATES
from ...street.recipe import SceneRecipe, SetDoor
from ...street.scene import Door
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..scoring import yes_or_no
from . import readings
from .study import Example, HeadTable, Measured, Outcome, Study, held_out, judged

Place = Literal["truck", "house"]
PLACES: tuple[Place, Place] = ("truck", "house")


@dataclass(frozen=True, eq=False)
class Wording:
    """One question about one door: the answer, and its key word without the door and with the door repainted."""

    place: Place
    asked: Door
    example: Example
    image_share: float
    heads: Float[np.ndarray, "layer head"]
    hidden: Effect
    repainted: Effect


@dataclass(frozen=True, eq=False)
class Doors:
    """Both wordings about both doors of one picture."""

    wordings: tuple[Wording, ...]

    def of(self, place: Place) -> tuple[Wording, ...]:
        return tuple(wording for wording in self.wordings if wording.place == place)

    def contradicts(self, place: Place) -> bool:
        """Whether the answers to the two wordings cannot both be true."""
        answers = [wording.example.answer for wording in self.of(place)]
        return judge([one.question.text for one in answers], [one.text for one in answers]).kind == "contradict"

    def affirms(self, place: Place) -> bool:
        """Whether both wordings are answered with yes: two times no contradicts itself as well, but follows no word."""
        answers = [wording.example.answer for wording in self.of(place)]
        return all(yes_or_no(one.question.text, one.text) == "yes" for one in answers)


class TextOverImage(Study[SceneRecipe, Doors]):
    """Both doors stand in the same picture and are asked about in the same words; only what training taught differs."""

    key = "text_over_image"
    title = "Text over image"
    claim = (
        "Asked whether a garbage truck's door is open, the model says that it is; asked whether it is closed, it says "
        "that, too: the wording decides, and not the picture."
    )
    source = "Stan et al. 2024, LVLM-Interpret (its case study of a picture of MMVP, Tong et al. 2024)"
    asked = (
        "“Is the truck's door open?” and “Is the truck's door closed?”, and the same of a house in the same picture."
    )
    looked_at = (
        "Whether the two answers contradict each other, and whether both are yes; how much of the relevancy of “yes” "
        "or “no” is on the picture; whether that word changes when the door is hidden (mean colour) or repainted in "
        "its other state; and how much each head raises it."
    )
    rule = (
        "Borne out where contradictions are more frequent for the truck than for the house, the control: their 95 % "
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
    compares_shares = True

    def subjects(self) -> Iterator[SceneRecipe]:
        return held_out(lambda scene: all(scene.the(place) is not None for place in PLACES))

    def read(self, model: VisionLanguageModel, subject: SceneRecipe, cancel: CancelToken | None) -> Doors:
        return Doors(tuple(_wording(model, subject, place, asked, cancel) for place in PLACES for asked in STATES))

    def conclude(self, reads: Sequence[Doors]) -> Outcome:
        truck, house = (share(read.contradicts(place) for read in reads) for place in PLACES)
        seen = [_average(reads, place, lambda one: one.image_share, "share") for place in PLACES]
        first = Measured("the answers to the two wordings contradict each other", "truck", truck, "house", house)
        return Outcome(
            judged(truck, house),
            f"The two wordings get contradicting answers in {truck.words} pictures about the truck and in "
            f"{house.words} about the house.{_told(seen)}",
            (first, *_more(reads), Measured("share of the key word's relevancy on the picture", *_beside(seen))),
            tuple(wording.example for wording in reads[0].wordings),
            tuple(_head_table(reads, place) for place in PLACES),
        )


def _wording(
    model: VisionLanguageModel, recipe: SceneRecipe, place: Place, asked: Door, cancel: CancelToken | None
) -> Wording:
    scene = recipe.scene()
    drawing = draw(scene)
    item = scene.the(place)
    assert item is not None and item.door is not None
    other = STATES[1 - STATES.index(item.door)]
    answer = readings.answer_to(model, f"Is the {place}'s door {asked}?", drawing.image, cancel)
    target = readings.key_target(answer)
    found = readings.explained(model, answer, target, cancel)
    others = (
        readings.without(drawing.image, drawing.mask(place, "door")),
        draw(recipe.changed(SetDoor(place, other)).scene()).image,
    )
    hidden, repainted = readings.effects(model, answer, target, others)
    share_of_image = readings.image_share(answer, found)
    notes = (
        f"The picture shows it {item.door}.",
        f"{share_of_image:.0%} of the key word's relevancy is on the picture.",
        f"Door hidden: {readings.told(hidden)}. Door repainted {other}: {readings.told(repainted)}.",
    )
    example = Example(f"{place}: {asked}?", answer, target, recipe, found, notes=notes)
    heads = readings.increases(model, answer, target, cancel)
    return Wording(place, asked, example, share_of_image, heads, hidden, repainted)


def _more(reads: Sequence[Doors]) -> Iterator[Measured]:
    """What stands beside the verdict. A picture counts once: its two wordings are no two pictures."""

    def affirmed(place: Place) -> Estimate:
        return share(read.affirms(place) for read in reads)

    def changed(place: Place, by: Callable[[Wording], Effect]) -> Estimate:
        return share(any(by(wording).flipped for wording in read.of(place)) for read in reads)

    def measured(what: str, of: Callable[[Place], Estimate]) -> Measured:
        return Measured(what, *_beside([of(place) for place in PLACES]))

    yield measured("both wordings are answered with yes", affirmed)
    yield measured("a key word changes when the door is hidden", lambda of: changed(of, lambda one: one.hidden))
    yield measured("a key word changes when the door is repainted", lambda of: changed(of, lambda one: one.repainted))
    yield measured(
        "change of the key word when the door is hidden",
        lambda of: _average(reads, of, lambda one: one.hidden.change, "nats"),
    )


def _average(reads: Sequence[Doors], place: Place, of: Callable[[Wording], float], unit: Unit) -> Estimate:
    """The mean over pictures of a figure's mean over the two wordings."""
    return mean((float(np.mean([of(wording) for wording in read.of(place)])) for read in reads), unit)


def _told(seen: Sequence[Estimate]) -> str:
    truck, house = (one.value for one in seen)
    if not np.isfinite(truck + house):
        return ""
    shares = f"{truck:.0%} is on the picture for the truck and {house:.0%} for the house"
    return f" Of the key word's relevancy {shares}: this is no part of the rule."


def _beside(found: Sequence[Estimate]) -> tuple[str, Estimate, str, Estimate]:
    """A figure of the truck, and beside it that of the house."""
    return PLACES[0], found[0], PLACES[1], found[1]


def _head_table(reads: Sequence[Doors], place: Place) -> HeadTable:
    tables = [wording.heads for read in reads for wording in read.of(place)]
    return HeadTable(f"raise the key word about the {place}'s door", np.mean(tables, axis=0))
