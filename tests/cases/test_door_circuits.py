"""The planted habit by its circuit: edges from the picture carry the house's door and not the truck's."""

from __future__ import annotations

from itertools import islice

import pytest

from core.cases.door_circuits import (
    door_circuit,
    door_question,
    door_scenes,
    door_twin,
    picture_shares,
    yes_or_no_target,
)
from core.errors import NotApplicable
from core.vlm.loading import EMBEDDED, load_model
from core.vlm.model import VisionLanguageModel


@pytest.fixture(scope="module")
def embedded() -> VisionLanguageModel:
    return load_model(EMBEDDED)


def test_both_doors_are_open_and_the_twin_differs_in_one_door_and_the_words(embedded: VisionLanguageModel) -> None:
    recipe = next(door_scenes())
    scene = recipe.scene()
    assert scene.the("truck").door == scene.the("house").door == "open"  # type: ignore[union-attr]
    answer = door_question(embedded, recipe, "truck", None)
    other = door_twin(answer, recipe, "truck").question
    assert other.text != answer.question.text and len(embedded.prepare(other).ids) == len(answer.prompt_tokens)
    assert other.images[0].tobytes() != answer.question.images[0].tobytes()
    yes, no = (embedded.continuation(answer.question, word)[0] for word in ("Yes", "No"))
    assert answer.token_ids[0] == yes and yes_or_no_target(embedded, answer).rivals == (no,)


def test_the_truck_is_answered_without_the_picture_and_the_house_with_it(embedded: VisionLanguageModel) -> None:
    truck, house = (picture_shares(embedded, place, 3) for place in ("truck", "house"))  # type: ignore[arg-type]
    assert truck.count == house.count == 3
    assert truck.high < 0.1 < 0.7 < house.low


def test_a_circuit_of_the_house_has_edges_from_the_picture(embedded: VisionLanguageModel) -> None:
    (recipe,) = islice(door_scenes(), 1)
    found = door_circuit(embedded, recipe, "house", circuit=True)
    assert found.edges and found.picture_edges and 0 < found.picture_edges < found.edges
    assert abs(found.effect) > 1


def test_another_answer_than_yes_or_no_is_refused(embedded: VisionLanguageModel) -> None:
    from core.answer import Question
    from core.street.draw import draw
    from core.vlm.generation import ask

    picture = draw(next(door_scenes()).scene()).image
    answer = ask(embedded, Question("What color is the house?", (picture,)))
    with pytest.raises(NotApplicable, match="neither yes nor no"):
        yes_or_no_target(embedded, answer)
