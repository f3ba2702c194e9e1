"""A figure stands above its control, in words and as a dot; what is no number has words alone."""

from __future__ import annotations

import pytest

from core.charts.intervals import Dot, Pair, interval_chart
from core.statistics.estimate import Estimate

TRUCK, HOUSE = Dot("truck", Estimate(1.0, 0.7, 1.0, 9), "100 %"), Dot("house", Estimate(0.0, 0.0, 0.3, 9), "0 %")


def rows(chart: object) -> list[dict[str, object]]:
    specification = chart.to_dict(validate=True)  # type: ignore[attr-defined]
    return [row for table in specification["datasets"].values() for row in table]


def test_each_line_has_its_figure_and_its_control() -> None:
    drawn = rows(interval_chart([Pair("contradicts", TRUCK, HOUSE), Pair("alone", TRUCK)], title="share"))
    told = {(row["what"], row["told"]) for row in drawn if "told" in row}
    assert told == {("contradicts", "truck: 100 %"), ("contradicts", "house: 0 %"), ("alone", "truck: 100 %")}
    lines = {row["what"]: row["y"] for row in drawn if set(row) == {"what", "y"}}
    assert lines["contradicts"] < lines["alone"]


def test_a_figure_that_is_none_is_told_and_not_drawn() -> None:
    nothing = Dot("truck", Estimate(float("nan"), float("nan"), float("nan"), 9), "no case")
    drawn = rows(interval_chart([Pair("contradicts", nothing, HOUSE)], title="share"))
    dots = {row["told"] for row in drawn if row.get("value") is not None and "told" in row}
    assert dots == {"house: 0 %"}
    assert any(row.get("told") == "truck: no case" for row in drawn)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        interval_chart([], title="share")
