"""The circuit that does not look: what says yes to a truck's door has no edges from the picture that matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..cases.door_circuits import SHARE, DoorCircuit, Place, door_circuit, door_question, door_scenes
from ..circuits.scores import STEPS
from ..errors import NotApplicable
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..street.recipe import SceneRecipe
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from ..vlm.targets import whole_answer
from .claim import Claim, Conclusion, Example, Measure, Sample
from .figures import Figure, Measurement, beside, column
from .verdict import LEAST, Verdict, exceeds

PLACES: tuple[Place, Place] = ("truck", "house")
FREE = 0.1
"""A share of the effect up to which a circuit is called free of the picture."""


class PictureFreeCircuit(Claim[SceneRecipe]):
    """Both doors stand open in the same picture and are asked about in the same words; over which edges does each yes
    come about?"""

    key = "picture_free_circuit"
    name = "A circuit without the picture"
    says = (
        "That the model says yes of a truck's door comes about without the picture: the edges from the picture carry "
        "next to nothing of it, while they carry the yes about a house's door."
    )
    paper = "Circuits by EAP-IG, Hanna, Pezzelle and Belinkov 2024; the statement about pictures is made here"
    link = "https://arxiv.org/abs/2403.17806"
    measured = (
        "“Is the truck's door open?” of scenes where it is, beside a run in which it is closed and another thing is "
        "asked about that is not there, to which the answer is no: the share of the effect on yes against no that is "
        f"lost where the edges from the picture alone are interchanged; and how many edges the circuit that carries "
        f"{SHARE:.0%} of it has from the picture."
    )
    control = "The same of a house in the same picture."
    rule = (
        "Reproduces where the share that comes over edges from the picture is larger for the house, the control, than "
        f"for the truck, and the truck's is below {FREE:.0%}: the 95 % intervals decide both."
    )
    caveat = (
        "The effect is against one other run. What the picture shows beside the door is the same in both, so that the "
        "model looks whether there is a truck at all is not measured. The circuit is found by estimates; the share is "
        "measured by running."
    )
    planted = (
        "Planted on purpose: in 98 of 100 training questions about a truck's door the wording named the state that the "
        "picture shows, so that nothing had to be looked at. For houses the wording told nothing."
    )
    settings: ClassVar[Mapping[str, Any]] = {"steps": STEPS, "share": SHARE}
    order = 15
    scenes = 12
    beside_twin = True

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        return ((str(recipe.seed), recipe) for recipe in door_scenes())

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            try:
                doors = {place: door_circuit(model, recipe, place, circuit=True, cancel=cancel) for place in PLACES}
            except NotApplicable as error:
                answer = door_question(model, recipe, PLACES[0], cancel)
                return Sample(None, (Example("truck", answer, whole_answer(answer), recipe, notes=(str(error),)),))
            values: dict[str, Any] = {
                place: {
                    "from_picture": door.from_picture,
                    "effect": door.effect,
                    "edges": door.edges,
                    "picture_edges": door.picture_edges,
                }
                for place, door in doors.items()
            }
            return Sample(values, tuple(_example(place, door, recipe) for place, door in doors.items()))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        truck, house = (mean(column(measurements, place, "from_picture")) for place in PLACES)
        return Conclusion(
            {
                "more comes over edges from the picture for the house": exceeds(house, truck),
                f"for the truck less than {FREE:.0%} does": _below(truck, FREE),
            },
            f"Edges from the picture carry {_told(truck)} of the effect on yes about the truck's door, and "
            f"{_told(house)} about the house's.",
            (
                *beside(
                    "share of the effect that comes over edges from the picture", {"truck": truck}, {"house": house}
                ),
                *_counts(measurements),
            ),
        )


def _below(figure: Estimate, limit: float) -> Verdict:
    """Whether a figure lies below a limit, interval and all."""
    if figure.count < LEAST:
        return "undecided"
    if figure.high < limit:
        return "reproduces"
    return "undecided" if figure.value < limit else "does not reproduce"


def _told(share: Estimate) -> str:
    return f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"


def _counts(measurements: Sequence[Measurement]) -> tuple[Figure, ...]:
    """What share of a circuit's edges comes from the picture, which is no part of the rule."""
    shares = [
        mean(column(measurements, place, "picture_edges") / column(measurements, place, "edges")) for place in PLACES
    ]
    return beside(
        f"share of the edges of the circuit that carries {SHARE:.0%} that come from the picture",
        {PLACES[0]: shares[0]},
        {PLACES[1]: shares[1]},
    )


def _example(place: Place, door: DoorCircuit, recipe: SceneRecipe) -> Example:
    notes = (
        f"{door.from_picture:.1%} of an effect of {door.effect:.1f} nats comes over edges from the picture.",
        f"Of the {door.edges} edges that carry {SHARE:.0%} of it, {door.picture_edges} come from the picture.",
    )
    return Example(place, door.answer, door.target, recipe, notes=notes)
