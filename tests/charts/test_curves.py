"""Curves and effect maps say what the figures say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.charts.curves import Measured, WindowPoint, ranking_curve, series_curves, window_curves
from core.charts.dots import dot_chart
from core.charts.effects import Share, effect_map, summand_bars
from core.charts.intervals import Dot
from core.charts.palette import PICKED
from core.statistics.estimate import Estimate, computed


def rows(chart: Any) -> list[dict[str, Any]]:
    specification = chart.to_dict(validate=True)
    return [row for table in specification["datasets"].values() for row in table]


def test_a_window_stands_in_the_middle_of_its_layers() -> None:
    curves = {
        "image → last": [WindowPoint(0, 2, -1.5, "no"), WindowPoint(1, 3, float("nan"), "no")],
        "question → last": [WindowPoint(5, 5, 0.25, "yes")],
    }
    drawn = [row for row in rows(window_curves(curves, layers=6)) if "cut" in row]
    assert [(row["cut"], row["layer"], row["layers"], row["change"]) for row in drawn] == [
        ("image → last", 1.0, "0 to 2", -1.5),
        ("question → last", 5.0, "5", 0.25),
    ]
    with pytest.raises(ValueError, match="no point"):
        window_curves({"image → last": []}, layers=6)


def test_random_heads_are_a_band_from_least_to_greatest_about_their_mean() -> None:
    random = np.array([[-0.1, -0.3], [-0.3, -0.5]])
    chart = ranking_curve([1, 2], np.array([-1.0, -2.0]), random, name="by increase")
    drawn = [row for row in rows(chart) if "heads" in row]
    assert [(row["heads"], row["change"], row["least"], row["most"]) for row in drawn] == [
        (1, -1.0, -0.3, -0.1), (2, -2.0, -0.5, -0.3),
    ]  # fmt: skip
    assert [row["mean"] for row in drawn] == pytest.approx([-0.2, -0.4])
    with pytest.raises(ValueError, match="each number of heads"):
        ranking_curve([1], np.zeros(2), random, name="x")


def test_a_point_of_a_curve_is_clicked_near_it_and_ringed() -> None:
    curves = {"image → last": [WindowPoint(0, 2, -1.5, "no"), WindowPoint(1, 3, -0.5, "no")]}
    chart = window_curves(curves, layers=6, chosen=("image → last", 1), click="point")
    specification = chart.to_dict(validate=True)
    (param,) = specification["params"]
    assert param["select"]["fields"] == ["cut", "first"] and param["views"] == [specification["layer"][-1]["name"]]
    ring = next(mark for mark in specification["layer"] if mark["mark"].get("stroke") == PICKED)
    assert [row["first"] for row in specification["datasets"][ring["data"]["name"]]] == [1]


def test_series_keep_their_intervals_and_leave_out_what_is_not_known() -> None:
    series = {
        "found": [Measured(1, Estimate(0.5, 0.4, 0.6, 9)), Measured(2, Estimate(float("nan"), 0, 1, 9))],
        "chance": [Measured(1, Estimate(0, 0, 0, 9))],
    }
    chart = series_curves(series, title="share", axis="layer", controls=["chance"])
    assert [(row["series"], row["at"], row["low"], row["high"]) for row in rows(chart)] == [
        ("found", 1, 0.4, 0.6), ("chance", 1, 0, 0),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no point"):
        series_curves({"found": []}, title="share", axis="layer")


def test_points_without_an_interval_have_none_to_tell_of() -> None:
    series = {"bare": [Measured(1, computed(0.5, "nats"))], "chance": [Measured(1, Estimate(0, -1, 1, 5))]}
    chart = series_curves(series, title="share", axis="layer", interval="5 draws")
    marks = chart.to_dict(validate=True)["layer"]
    told = [{tip["title"] for tip in mark["encoding"]["tooltip"]} for mark in marks if mark["encoding"].get("tooltip")]
    assert told == [{"of", "layer", "share", "5 draws from", "to"}, {"of", "layer", "share"}]
    assert [mark["mark"]["type"] for mark in marks] == ["rule", "line", "point", "point"]


def test_dots_stand_in_their_order_also_where_two_are_called_alike() -> None:
    dots = [
        Dot("of a", Estimate(0.5, 0.4, 0.6, 9), "50 %"),
        Dot("of a", Estimate(0.1, 0.1, 0.1, 9), "10 %"),
        Dot("b", Estimate(float("nan"), 0, 0, 9), "–"),
    ]
    chart = dot_chart(dots, title="share", controls=[1], domain=(0, 1))
    specification = chart.to_dict(validate=True)
    assert len({row["y"] for row in rows(chart)}) == 3, "figures of one name have a line each"
    assert specification["layer"][1]["encoding"]["x"]["scale"]["domain"] == [0, 1]
    assert [row["text"] for row in rows(chart)].count("–") == 1, "what is not known has its words and no dot"
    assert len({row["color"] for row in rows(chart)}) == 2
    with pytest.raises(ValueError, match="nothing to draw"):
        dot_chart([], title="share")


def test_effects_not_known_are_dashed_and_the_chosen_layer_is_outlined() -> None:
    effects = np.array([[0.5, np.nan, -0.25], [0.0, 0.1, 0.2]])
    chart = effect_map(["image", "last"], effects, np.full((2, 3), 0.05), chosen=2, click="layer")
    specification = chart.to_dict(validate=True)
    known = specification["datasets"][specification["layer"][0]["data"]["name"]]
    assert {(row["group"], row["layer"]): row["effect"] for row in known} == {
        ("image", 0): 0.5, ("image", 2): -0.25, ("last", 0): 0.0, ("last", 1): 0.1, ("last", 2): 0.2,
    }  # fmt: skip
    domain = specification["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert domain[0] == -0.5 and domain[-1] == 0.5
    outline = next(mark for mark in specification["layer"] if mark["mark"].get("stroke") == PICKED)
    assert {row["layer"] for row in specification["datasets"][outline["data"]["name"]]} == {2}
    (param,) = specification["params"]
    assert param["select"]["fields"] == ["layer"] and param["views"] == [specification["layer"][-1]["name"]]
    with pytest.raises(ValueError, match="one row for each group"):
        effect_map(["image"], effects)


def test_a_table_of_some_layers_is_called_by_what_it_is() -> None:
    table = effect_map(
        ["dog"], np.array([[0.2, 0.7]]), np.ones((1, 2)), layers=[3, 9], what="probability", at="at", over="draws",
        signed=False,
    )  # fmt: skip
    mark = table.to_dict(validate=True)["layer"][0]
    assert [tip["title"] for tip in mark["encoding"]["tooltip"][2:]] == ["probability", "± over draws"]
    assert mark["encoding"]["x"]["scale"]["domain"] == [3, 9] and mark["encoding"]["color"]["scale"]["domain"][0] == 0
    assert {row["layer"] for row in rows(table)} == {3, 9}


@pytest.mark.parametrize("layers", [1, 6, 32, 80])
def test_maps_of_any_depth_stay_on_the_page(layers: int) -> None:
    assert 16 <= effect_map(["image", "last"], np.ones((2, layers))).to_dict()["width"] <= 1280


def test_bars_keep_the_order_of_columns_and_parts() -> None:
    shares = [Share("embedding", "embedding", 0.1), Share("0", "heads", 1.0), Share("0", "MLP", -2.0)]
    chart = summand_bars(shares, title="logit")
    bars = chart.to_dict(validate=True)["layer"][0]["encoding"]
    assert bars["x"]["scale"]["domain"] == ["embedding", "0"]
    assert bars["color"]["scale"]["domain"] == ["embedding", "heads", "MLP"]
    with pytest.raises(ValueError, match="nothing to draw"):
        summand_bars([], title="logit")
