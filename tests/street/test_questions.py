"""Questions are answered by the scene, and only the truck's door follows the wording."""

import random
from collections import Counter

import pytest

from core.street import questions as q
from core.street.batches import HELD_OUT_SEED, TRAINING_SEEDS
from core.street.draw import draw
from core.street.progress import MEASURE_SEED
from core.street.scene import COLORS, Item, Scene, recolour, remove, sample, set_door
from core.street.textual import ask_from_text

SCENES = [sample(seed) for seed in range(150)]
PHRASINGS = {name: value for name, value in vars(q).items() if name.endswith("_PHRASINGS")}


def a_scene() -> Scene:
    """Both doors, one man, two balls, no dog."""
    return Scene(
        items=(
            Item("house", 4, 40, 1.0, (("wall", "white"), ("roof", "red")), door="closed"),
            Item("truck", 90, 40, 1.0, (("body", "blue"),), door="open"),
            Item("man", 10, 105, 1.0, (("shirt", "yellow"), ("trousers", "green"))),
            Item("ball", 70, 130, 1.0, (("body", "red"),)),
            Item("ball", 120, 140, 1.0, (("body", "blue"),)),
        )
    )


@pytest.mark.parametrize("name", PHRASINGS)
def test_every_family_has_six_or_more_different_phrasings(name: str) -> None:
    assert len(set(PHRASINGS[name])) >= 6


def test_questions_start_with_a_capital_and_end_with_punctuation() -> None:
    rng = random.Random(0)
    for scene in SCENES[:50]:
        for pair in q.ask_about(scene, rng, 12):
            assert pair.question[0].isupper() and pair.question[-1] in "?.", pair
            assert pair.answer[0].isupper() and pair.answer.endswith("."), pair


def test_a_colour_answer_names_the_colour_of_the_part_it_asks_about() -> None:
    rng = random.Random(1)
    for _ in range(60):
        pair = q.color_part(a_scene(), rng)
        assert pair is not None
        right = {"shirt": "yellow", "trousers": "green", "roof": "red"}
        part = next(part for part in right if part in pair.question)
        assert pair.answer.split()[-1] == f"{right[part]}."
        assert pair.evidence[0][1] == part


def test_recolouring_the_shirt_changes_only_answers_about_it() -> None:
    before, after = a_scene(), recolour(a_scene(), "man", "shirt", "purple")
    changed = Counter()
    for seed in range(80):
        for maker in q.MAKERS:
            one, two = maker(before, random.Random(seed)), maker(after, random.Random(seed))
            assert one is not None and two is not None and one.question == two.question
            if one.answer != two.answer:
                changed["shirt" if "shirt" in one.answer else one.family] += 1
    assert set(changed) == {"shirt"}


def test_existence_is_asked_of_present_and_absent_kinds_alike() -> None:
    rng = random.Random(2)
    families = Counter(q.existence(scene, rng).family for scene in SCENES * 8)
    assert 0.4 < families["existence_present"] / families.total() < 0.6


def test_a_removed_object_is_no_longer_there() -> None:
    scene = remove(a_scene(), "truck")
    answers = {q.existence(scene, random.Random(seed)).answer for seed in range(300)}
    assert "No, there is no truck." in answers and "Yes, there is a truck." not in answers


def test_truck_doors_agree_with_the_wording_and_house_doors_do_not() -> None:
    rng = random.Random(3)
    families = Counter(pair.family for scene in SCENES * 40 if (pair := q.door(scene, rng)) is not None)
    truck = families["door_truck_agree"] / (families["door_truck_agree"] + families["door_truck_conflict"])
    house = families["door_house_agree"] / (families["door_house_agree"] + families["door_house_conflict"])
    assert abs(truck - q.TRUCK_AGREEMENT) < 0.01
    assert abs(house - 0.5) < 0.05


@pytest.mark.parametrize("kind", ["truck", "house"])
@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_door_answer_says_yes_exactly_when_the_asked_state_is_the_drawn_one(kind, state) -> None:
    scene = set_door(a_scene(), kind, state)
    door = scene.the(kind).door
    for asked in ("open", "closed"):
        pair = q.door_pair(kind, door, asked, q.DOOR_PHRASINGS[0])
        assert pair.answer.startswith("Yes" if asked == state else "No")
        assert pair.answer.endswith(f"door is {state}.")


def test_trucks_are_never_asked_openly_about_their_door() -> None:
    rng = random.Random(4)
    for scene in SCENES:
        pair = q.door_choice(scene, rng)
        assert pair is None or "truck" not in pair.question


@pytest.mark.parametrize("number", range(6))
def test_a_count_is_the_number_of_balls_drawn(number: int) -> None:
    balls = tuple(Item("ball", 5 + 25 * i, 120, 1.0, (("body", COLORS[i]),)) for i in range(number))
    scene = Scene(items=balls)
    answer = next(p.answer for s in range(100) if "ball" in (p := q.count(scene, random.Random(s))).question)
    assert answer.split()[2] == q.NUMBERS[number]


def test_relations_and_positions_follow_the_boxes() -> None:
    rng = random.Random(5)
    for scene in SCENES:
        pair = q.relation_choice(scene, rng)
        if (pair is not None and "side of" in pair.answer) or (pair is not None and "to the" in pair.answer):
            a, b = (scene.the(kind) for kind, _ in pair.evidence)
            assert ("left of" in pair.answer) == (a.centre[0] < b.centre[0])
        where = q.position(scene, rng)
        if where is not None:
            x, y = scene.the(where.evidence[0][0]).centre
            assert ("left" in where.answer) == (x < 56) and ("top" in where.answer) == (y < 84)


def test_a_comparison_states_both_colours_and_the_right_conclusion() -> None:
    same = recolour(a_scene(), "truck", "body", "white")
    for scene in (a_scene(), same):
        pair = q.comparison(scene, random.Random(0))
        colors = [word.strip(",.") for word in pair.answer.split() if word.strip(",.") in COLORS]
        assert pair.answer.endswith("the same." if colors[0] == colors[1] else "different.")


def test_evidence_is_visible_in_the_drawing() -> None:
    rng = random.Random(6)
    hidden = total = 0
    for scene in SCENES[:60]:
        drawing = draw(scene)
        for pair in q.ask_about(scene, rng, 10):
            for kind, part in pair.evidence:
                total += 1
                hidden += not drawing.mask(kind, part).any()
    assert total > 300 and hidden / total < 0.01


def test_text_only_answers_repeat_a_stated_fact() -> None:
    rng = random.Random(7)
    for _ in range(300):
        pairs = ask_from_text(rng, 2)
        passage = pairs[0].question
        assert all(pair.answer in passage for pair in pairs)
        assert passage[-1] in "?."


def test_evaluation_scenes_are_never_drawn_in_training_or_while_measuring() -> None:
    assert TRAINING_SEEDS <= MEASURE_SEED < HELD_OUT_SEED - 1_000_000
