"""Figures of tests show every point that was reached, and the map tested apart from its controls."""

from __future__ import annotations

import numpy as np
import pytest

from core.charts.evidence import Line, probability_curves, randomisation_curves

SHARES = np.array([0.0, 0.5, 1.0])


def rows(chart: object) -> list[dict[str, object]]:
    specification = chart.to_dict(validate=True)  # type: ignore[attr-defined]
    return [row for table in specification["datasets"].values() for row in table]


def test_points_that_were_not_reached_have_no_value_and_part_their_line() -> None:
    map_ = Line("this map", SHARES, np.array([0.9, np.nan, 0.1]))
    random = Line("random", SHARES, np.array([0.9, 0.8, 0.1]), np.array([0.9, 0.7, 0.1]), np.array([0.9, 0.85, 0.1]))
    drawn = rows(probability_curves({"removed": [map_, random]}))
    assert [(row["name"], row["share"], row["low"], row["high"]) for row in drawn] == [
        ("this map", 0.0, 0.9, 0.9),
        ("this map", 0.5, None, None),
        ("this map", 1.0, 0.1, 0.1),
        ("random", 0.0, 0.9, 0.9),
        ("random", 0.5, 0.7, 0.85),
        ("random", 1.0, 0.1, 0.1),
    ]


def test_curves_without_a_point_are_refused() -> None:
    with pytest.raises(ValueError, match="no point"):
        probability_curves({"removed": [Line("this map", SHARES, np.full(3, np.nan))]})


def test_a_map_that_forgets_has_a_point_for_each_stage() -> None:
    drawn = rows(randomisation_curves(["head", "layer 1"], {"relevancy": [0.4, float("nan")], "attention": [0.9, 0.2]}))
    points = [(row["map"], row["stage"], row["correlation"]) for row in drawn if "map" in row]
    assert points == [("relevancy", "head", 0.4), ("attention", "head", 0.9), ("attention", "layer 1", 0.2)]
    with pytest.raises(ValueError, match="one correlation"):
        randomisation_curves(["head"], {"relevancy": []})
