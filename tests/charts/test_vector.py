"""Figures for pages that stand alone put values where they belong and hold labels to be text."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from core.charts.vector import LABELS, MARGIN, PLOT, SIDE, Line, Row, svg_intervals, svg_lines
from core.statistics.estimate import Estimate


def test_an_interval_lies_where_its_ends_are() -> None:
    figure = svg_intervals(
        [Row("accuracy", Estimate(0.5, 0.25, 0.75, 9)), Row("recall", Estimate(float("nan"), 0, 1, 9))]
    )
    [dot] = figure.iter("circle")
    assert float(dot.attrib["cx"]) == LABELS + PLOT / 2
    [line] = [line for line in figure.iter("line") if line.get("stroke-width") == "3"]
    assert (float(line.attrib["x1"]), float(line.attrib["x2"])) == (LABELS + PLOT / 4, LABELS + 3 * PLOT / 4)
    texts = [text.text for text in figure.iter("text")]
    assert "50.0%  (25.0% to 75.0%)" in texts
    assert "none" in texts


def test_a_curve_goes_through_its_points_and_stops_at_gaps() -> None:
    line = Line("this map", np.array([0.0, 0.5, 0.75, 1.0]), np.array([1.0, 0.5, np.nan, 0.0]))
    paths = [path.attrib["d"] for path in svg_lines([line], "shown", "probability").iter("path")]
    assert paths[0] == f"M{MARGIN:.1f} {MARGIN:.1f}L{MARGIN + SIDE / 2:.1f} {MARGIN + SIDE / 2:.1f}" + (
        f"M{MARGIN + SIDE:.1f} {MARGIN + SIDE:.1f}"
    )


@pytest.mark.parametrize("label", ["<script>", 'a"b', "&amp;"])
def test_labels_are_text(label: str) -> None:
    text = ElementTree.tostring(
        svg_intervals([Row(label, Estimate(0.5, 0.4, 0.6, 9))]), encoding="unicode", method="html"
    )
    assert label in [element.text for element in ElementTree.fromstring(text).iter("text")]
