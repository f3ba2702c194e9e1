"""Street cases: right answers, held-out scenes, and pixels that the answer rests on."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from core.cases.scoring import is_right
from core.cases.street import APART, FAMILIES, FEWEST_PIXELS, marked, street_cases
from core.street.batches import HELD_OUT_SEED
from core.street.draw import draw
from core.street.questions import Pair
from core.street.recipe import LARGEST_SEED, SceneRecipe, from_params


def test_families_take_turns_and_have_scenes_of_their_own() -> None:
    cases = list(street_cases(3))
    assert [case.about["family"] for case in cases] == list(FAMILIES) * 3
    seeds = [int(case.about["scene"]) for case in cases]
    assert len(set(seeds)) == len(seeds)
    assert min(seeds) >= HELD_OUT_SEED
    assert HELD_OUT_SEED + APART * (1 + len(FAMILIES)) <= LARGEST_SEED
    assert len({case.id for case in cases}) == len(cases)


def test_the_same_cases_come_again_however_many_are_asked_for() -> None:
    few, more = list(street_cases(1)), list(street_cases(2, ["count", "position"]))
    assert [case.fingerprint() for case in few if case.about["family"] in ("count", "position")] == [
        case.fingerprint() for case in more[:2]
    ]


def test_a_case_can_be_drawn_again_from_what_it_says_of_itself() -> None:
    for case in street_cases(1):
        recipe = from_params(case.about["scene"])
        assert np.array_equal(np.asarray(draw(recipe.scene()).image), np.asarray(case.images[0]))


def test_the_right_answer_is_right() -> None:
    assert all(is_right(case, case.expected[0]) for case in street_cases(2))


def test_every_case_marks_enough_pixels_of_its_picture() -> None:
    for case in street_cases(3):
        assert case.truth is not None
        assert case.truth.shape == np.asarray(case.images[0]).shape[:2]
        assert FEWEST_PIXELS <= case.truth.sum() < case.truth.size / 2


def test_all_things_counted_are_marked() -> None:
    case = next(case for case in street_cases(20, ["count"]) if " two " in case.expected[0])
    scene = from_params(case.about["scene"]).scene()
    kind = "ball" if "ball" in case.question else "tree"
    drawing = draw(scene)
    expected = drawing.mask(kind, None, 0) | drawing.mask(kind, None, 1)
    assert np.array_equal(case.truth, expected)


def test_a_part_is_marked_alone() -> None:
    seed = next(seed for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + 99) if SceneRecipe(seed).scene().the("man"))
    scene = SceneRecipe(seed).scene()
    drawing = draw(scene)
    shirt = marked(scene, drawing, Pair("color_part", "", "", (("man", "shirt"),)))
    assert np.array_equal(shirt, drawing.mask("man", "shirt"))
    assert shirt.sum() < drawing.mask("man").sum()


def test_doors_are_asked_both_ways() -> None:
    for family in ("house door", "truck door"):
        first = Counter(case.expected[0].split(",")[0] for case in street_cases(30, [family]))
        assert min(first["Yes"], first["No"]) >= 8


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError):
        list(street_cases(1, ["dragons"]))
