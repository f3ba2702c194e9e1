"""Every phrasing of the street's questions: true answers about one scene never contradict, and false ones do."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from core.comparison.verdict import judge
from core.street import questions as street
from core.street.scene import sample


@pytest.mark.parametrize("seed", range(2))
def test_true_answers_about_one_scene_never_contradict(seed: int) -> None:
    scene, rng = sample(seed), random.Random(seed)
    pairs = [pair for make in street.MAKERS for _ in range(2) if (pair := make(scene, rng))]
    wrong = []
    for one, two in combinations(pairs, 2):
        verdict = judge([one.question, two.question], [one.answer, two.answer])
        if verdict.kind == "contradict":
            wrong.append((one.question, two.question, verdict.sentence))
    assert wrong == []


@pytest.mark.parametrize("kind", ["truck", "house"])
def test_yes_to_open_and_yes_to_closed_contradict_in_every_phrasing(kind: street.Kind) -> None:
    for first in street.DOOR_PHRASINGS:
        for second in street.DOOR_PHRASINGS:
            one = street.door_pair(kind, "open", "open", first)
            two = street.door_pair(kind, "closed", "closed", second)
            for answers in ([one.answer, two.answer], ["Yes.", "Yes."]):
                verdict = judge([one.question, two.question], answers)
                assert verdict.kind == "contradict", (one.question, two.question)
                assert "both say yes" in verdict.sentence


def test_yes_to_open_and_no_to_closed_agree_in_every_phrasing() -> None:
    for first in street.DOOR_PHRASINGS:
        for second in street.DOOR_PHRASINGS:
            one = street.door_pair("house", "open", "open", first)
            two = street.door_pair("house", "open", "closed", second)
            assert judge([one.question, two.question], [one.answer, two.answer]).kind == "agree"


def test_two_colours_of_one_part_contradict_in_every_phrasing() -> None:
    for phrasing in street.COLOR_PHRASINGS:
        questions = [
            street.color_question("man", "shirt", phrasing),
            street.color_question("man", "shirt", street.COLOR_PHRASINGS[0]),
        ]
        red, blue = (street.color_sentence("man", "shirt", color) for color in ("red", "blue"))
        assert judge(questions, [red, blue]).kind == "contradict"
        assert judge(questions, [red, red]).kind == "agree"
        trousers = street.color_question("man", "trousers", phrasing)
        other = street.color_sentence("man", "trousers", "blue")
        assert judge([questions[0], trousers], [red, other]).kind == "differ"


def test_two_counts_contradict_in_every_phrasing() -> None:
    for phrasing in street.COUNT_PHRASINGS:
        questions = [phrasing.format(kind="ball"), street.COUNT_PHRASINGS[0].format(kind="ball")]
        for one, two in combinations(range(6), 2):
            answers = [street.count_sentence("ball", one), street.count_sentence("ball", two)]
            assert judge(questions, answers).kind == "contradict", answers
