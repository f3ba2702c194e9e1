"""Phrasings ask the same, or the contrary, in English that a person would write."""

from __future__ import annotations

import pytest

from core.cases.phrasings import phrasings
from core.comparison.verdict import judge


def made(question: str) -> dict[str, list[str]]:
    answers_of: dict[str, list[str]] = {}
    for phrasing in phrasings(question):
        answers_of.setdefault(phrasing.family, []).append(phrasing.text)
    return answers_of


def test_a_state_is_denied_turned_around_reordered_and_asked_politely() -> None:
    assert made("Is the truck's door open?") == {
        "as asked": ["Is the truck's door open?"],
        "negation": ["Isn't the truck's door open?", "Is the truck's door not open?"],
        "opposite": ["Is the truck's door closed?"],
        "order": ["The truck's door, is it open?"],
        "politeness": ["Please tell me, is the truck's door open?", "Is the truck's door open, please?"],
    }


@pytest.mark.parametrize(
    ("question", "family", "expected"),
    [
        ("Is the car to the left of the house?", "opposite", ["Is the car to the right of the house?"]),
        ("Is the car to the left of the house?", "order", ["Is the house to the right of the car?"]),
        ("Is the cat in front of the dog?", "opposite", ["Is the cat behind the dog?"]),
        ("Is the door open or closed?", "order", ["Is the door closed or open?"]),
        ("Which is further left, the car or the cat?", "order", ["Which is further left, the cat or the car?"]),
        ("What color is the house?", "order", ["The house is what color?"]),
        ("Is there a dog here?", "negation", ["Isn't there a dog here?", "Is there no dog here?"]),
        ("Is there a dog in the picture?", "order", ["In the picture, is there a dog?"]),
        ("Can you see a dog?", "negation", ["Can't you see a dog?", "Can you see no dog?"]),
        ("Would you say that the door is shut?", "opposite", ["Would you say that the door is open?"]),
    ],
)  # fmt: skip
def test_each_family_is_made_where_the_question_allows_it(question: str, family: str, expected: list[str]) -> None:
    assert made(question)[family] == expected


@pytest.mark.parametrize(
    ("question", "without"),
    [
        ("Is the door open or closed?", ["opposite"]),
        ("Is the car larger than the cat?", ["opposite"]),
        ("Is the door not open?", ["negation"]),
        ("Is the man old?", ["order"]),
        ("Is the dog in the garden?", ["order", "opposite"]),
        ("What color is the house?", ["negation", "opposite"]),
        ("How many cars are there?", ["negation", "opposite", "order"]),
        ("Welche Farbe hat das Haus?", ["negation", "opposite", "order", "politeness"]),
        ("", ["negation", "opposite", "order", "politeness"]),
    ],
)
def test_what_is_not_sure_is_not_made(question: str, without: list[str]) -> None:
    assert not set(without) & set(made(question))


@pytest.mark.parametrize("question", ["Is the truck's door open?", "Is there a dog in the picture?"])
def test_true_answers_to_all_phrasings_do_not_contradict(question: str) -> None:
    """Of an open door, and of a picture with a dog: what a careful speaker says to each wording."""
    texts = [phrasing.text for phrasing in phrasings(question)]
    denies = [" not open" in text or "closed" in text or " no " in text for text in texts]
    honest = judge(texts, ["No." if denied else "Yes." for denied in denies])
    assert honest.kind != "contradict"
    assert judge(texts, ["Yes."] * len(texts)).kind == "contradict"
