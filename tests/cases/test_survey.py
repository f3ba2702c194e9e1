"""A correlation of contradictions is told only where it does not hang on one or two scenes."""

from __future__ import annotations

import numpy as np

from core.cases.survey import LEAST_APART, Surveyed, correlations


def lines(contradictions: list[float], family: str = "door") -> list[Surveyed]:
    """Scenes that rest the less on the picture, the later they come."""
    return [
        Surveyed(f"{family}{number}", family, 4, rate, -float(number), -float(number))
        for number, rate in enumerate(contradictions)
    ]


def test_contradictions_that_grow_where_less_rests_on_the_picture_speak_for_the_hypothesis() -> None:
    pooled, door = [one for one in correlations(lines([0.1 * n for n in range(12)])) if one.measure == "dependence"]
    assert (pooled.speaks, door.speaks) == ("for", "for")
    assert door.estimate.value == -1


def test_a_few_contradicted_scenes_decide_nothing() -> None:
    for few in range(LEAST_APART):
        correlated = correlations(lines([0.0] * (10 - few) + [0.6] * few))
        assert all(
            np.isnan([one.estimate.value, one.estimate.low, one.estimate.high]).all() and one.speaks == ""
            for one in correlated
        )
    assert correlations(lines([0.0] * 7 + [0.6] * LEAST_APART))[0].speaks == "for"


def test_the_families_of_one_correlation_may_be_undecided() -> None:
    flat = lines([0.1, 0.3, 0.2, 0.2, 0.3, 0.1, 0.2, 0.3], "house")
    apart = {one.family: one.speaks for one in correlations([*lines([0.1 * n for n in range(8)]), *flat])}
    assert (apart["door"], apart["house"]) == ("for", "undecided")
