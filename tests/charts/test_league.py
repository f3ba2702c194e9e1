"""The league's chart: every method by its seconds, its name where it can be read, controls as lines."""

from __future__ import annotations

from itertools import combinations

import pytest

from core.charts.league import HEIGHT, LINE, Entry, league_chart
from core.statistics.estimate import Estimate

NEAR = [
    Entry(f"method {number}", Estimate(0.4 + 0.001 * number, 0.3, 0.5, 9), 0.05, number == 0) for number in range(4)
]
RANDOM = Entry("random", Estimate(0.6, 0.5, 0.7, 9), None)


def rows(chart: object) -> list[dict[str, float]]:
    specification = chart.to_dict(validate=True)  # type: ignore[attr-defined]
    return [row for table in specification["datasets"].values() for row in table if "label" in row]


def test_names_of_methods_that_are_alike_stand_below_each_other() -> None:
    chart = league_chart([*NEAR, RANDOM], metric="Deletion", quick=2)
    drawn = rows(chart)
    assert {row["name"] for row in drawn} == {entry.name for entry in NEAR}
    values = [0.3, 0.6]
    height = HEIGHT / (1.12 * (values[1] - values[0]))
    assert all(abs(a["label"] - b["label"]) * height > 0.9 * LINE for a, b in combinations(drawn, 2))


def test_a_league_of_controls_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="no method"):
        league_chart([RANDOM], metric="Deletion", quick=2)


def test_a_name_does_not_lie_over_the_dot_of_another_method() -> None:
    alone = [
        Entry("left of it", Estimate(0.4, 0.39, 0.41, 9), 0.05),
        Entry("far away", Estimate(0.4, 0.39, 0.41, 9), 1.0),
    ]
    with_neighbour = [*alone, Entry("neighbour", Estimate(0.4, 0.39, 0.41, 9), 0.06)]
    beside = {row["name"]: row for row in rows(league_chart(alone, metric="Deletion", quick=2))}
    moved = {row["name"]: row for row in rows(league_chart(with_neighbour, metric="Deletion", quick=2))}
    assert (beside["left of it"]["side"], beside["left of it"]["moved"]) == (1, False)
    assert moved["left of it"]["side"] == -1 or moved["left of it"]["moved"]
    assert moved["far away"] == beside["far away"]
