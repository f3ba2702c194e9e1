"""What holds for every figure, in every state in which it can first be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.charts.examples import EXAMPLES, Chart, drawing_functions


@pytest.fixture(scope="module", params=EXAMPLES)
def drawn(request: pytest.FixtureRequest) -> Mapping[str, Chart]:
    """Each figure in its states."""
    return EXAMPLES[request.param]()


def marks(specification: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The marks of a plot, in the order in which they are drawn."""
    for layer in specification.get("layer", [specification]):
        yield from marks(layer) if "layer" in layer else [layer]


def test_every_figure_has_examples() -> None:
    assert drawing_functions() == set(EXAMPLES)


def test_a_figure_keeps_to_the_schema(drawn: Mapping[str, Chart]) -> None:
    for chart in drawn.values():
        chart.to_dict(validate=True)


def test_all_marks_of_a_plot_have_its_axis_or_none_of_them_has(drawn: Mapping[str, Chart]) -> None:
    """A mark without axis that follows one with a default axis stops Vega-Lite, and nothing at all is drawn."""
    for state, chart in drawn.items():
        specification = chart.to_dict()
        for plot in specification.get("hconcat", [specification]):
            for channel in ("x", "y"):
                places = [mark["encoding"].get(channel, {}) for mark in marks(plot)]
                without = {place.get("axis", {}) is None for place in places if "field" in place}
                assert len(without) < 2, f"{state}: {channel}"
