"""What may be asked of a drawn scene, and how else it may be asked."""

from __future__ import annotations

import pytest

from core.street.scene import sample
from core.ui.state.scenes import ALL_PHRASINGS, phrasing_starters, reworded, suggestions

WORDS = {
    "thing": "man's shirt",
    "kind": "house",
    "state": "open",
    "a": "car",
    "b": "dog",
    "side": "left",
    "is": "is",
    "does": "does",
}


@pytest.mark.parametrize("phrasings", ALL_PHRASINGS, ids=lambda group: group[0])
def test_every_known_question_is_put_in_other_words(phrasings: tuple[str, ...]) -> None:
    words = WORDS | {"a": "open", "b": "closed"} if "door {a}" in phrasings[0] else WORDS
    wordings = [phrasing.format(**words) for phrasing in phrasings]
    for wording in wordings:
        other = reworded(wording)
        assert other in wordings and other != wording


def test_trousers_are_many() -> None:
    assert reworded("What color is the man's shirt?") == "What is the color of the man's shirt?"
    assert reworded("What is the color of the man's trousers?") == "Which color do the man's trousers have?"


@pytest.mark.parametrize("question", ["", "What is he thinking of?", "What color (is the car?", "Count"])
def test_other_questions_are_left_to_the_person(question: str) -> None:
    assert reworded(question) is None


def test_the_question_that_was_asked_is_compared_with_the_same_in_other_words() -> None:
    scene = sample(27)
    assert phrasing_starters(scene) == ["Is the truck's door open?", "Is the truck's door closed?"]
    assert phrasing_starters(scene, "Is the truck's door closed?") == phrasing_starters(scene)
    assert phrasing_starters(scene, "What color is the car?") == [
        "What color is the car?",
        "What is the color of the car?",
    ]
    assert phrasing_starters(scene, "Who is he?") == ["Who is he?", ""]


def test_what_is_suggested_of_a_scene_has_another_wording() -> None:
    for seed in range(30):
        assert all(reworded(question) for question in suggestions(sample(seed)))
