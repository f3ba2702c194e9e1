"""What holds for every figure, in every state in which it can first be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.charts.examples import EXAMPLES, drawing_functions


def marks(specification: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The marks of a plot, in the order in which they are drawn."""
    for layer in specification.get("layer", [specification]):
        yield from marks(layer) if "layer" in layer else [layer]


def test_every_figure_has_examples() -> None:
    assert drawing_functions() == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_figure_keeps_to_the_schema(name: str) -> None:
    for chart in EXAMPLES[name]().values():
        chart.to_dict(validate=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_all_marks_of_a_plot_have_its_axis_or_none_of_them_has(name: str) -> None:
    """A mark without axis that follows one with a default axis stops Vega-Lite, and nothing at all is drawn."""
    for state, chart in EXAMPLES[name]().items():
        specification = chart.to_dict()
        for plot in specification.get("hconcat", [specification]):
            for channel in ("x", "y"):
                places = [mark["encoding"].get(channel, {}) for mark in marks(plot)]
                without = {place.get("axis", {}) is None for place in places if "field" in place}
                assert len(without) < 2, f"{state}: {channel}"
