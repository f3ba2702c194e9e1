"""The drawing of a circuit: bounded, clickable, and each part in its place."""

from __future__ import annotations

import numpy as np
import pytest

from core.charts.agreed import agreed_chart
from core.charts.circuit import MOST_EDGES, Spot, along, circuit_chart

SPOTS = {
    "picture": Spot("picture", -1, along(0, 2), "source", 0),
    "L0 H7": Spot("L0 H7", 0, along(7, 9), "head", 7),
    "L0 MLP": Spot("L0 MLP", 0, along(8, 9), "mlp", -1),
    "logits": Spot("logits", 1, 0.5, "logits", -1),
}


def test_edges_go_from_below_to_above_and_a_click_names_the_part() -> None:
    edges = [("picture", "L0 H7", 2.0), ("L0 H7", "L0 MLP", -1.0), ("L0 MLP", "logits", 0.5)]
    drawn = circuit_chart(SPOTS, edges, layers=1, chosen="L0 H7", click="part").to_dict()
    [lines] = [rows for rows in drawn["datasets"].values() if "edge" in rows[0]]
    assert [row["y"] < row["y2"] for row in lines] == [True] * 3
    assert [row["sign"] for row in lines] == ["for", "against", "for"]
    assert [row["strength"] for row in lines] == [1.0, 0.5, 0.25]
    [parts] = [rows for rows in drawn["datasets"].values() if "on" in rows[0] and len(rows) == 4]
    assert [row["part"] for row in parts if row["on"]] == ["L0 H7"]
    assert "part" in str(drawn["params"])


def test_a_tangle_is_not_drawn() -> None:
    many = [("picture", "L0 H7", 1.0)] * (MOST_EDGES + 30)
    drawn = circuit_chart(SPOTS, many, layers=1).to_dict()
    assert max(len(rows) for rows in drawn["datasets"].values()) == MOST_EDGES
    with pytest.raises(ValueError, match="no edge"):
        circuit_chart(SPOTS, [], layers=1)


def test_estimates_stand_beside_what_was_restored() -> None:
    drawn = agreed_chart(["L0 H1", "L0 MLP"], ["head", "mlp"], np.array([1.0, 2.0]), np.array([1.5, 1.0])).to_dict()
    [rows] = [rows for rows in drawn["datasets"].values() if "part" in rows[0]]
    assert [row["kind"] for row in rows] == ["heads", "MLPs"]
    with pytest.raises(ValueError, match="no part"):
        agreed_chart([], [], np.zeros(0), np.zeros(0))
