"""What holds for every figure, in every state in which it can first be drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import altair as alt
import pytest
from streamlit.elements.vega_charts import _convert_altair_to_vega_lite_spec

from core.charts.figure import Figure
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


def told(chart: Chart) -> dict[str, Any]:
    """What Streamlit sends of a figure, with its tables where they are used and its views by their place."""
    specification: dict[str, Any] = json.loads(json.dumps(_convert_altair_to_vega_lite_spec(chart), default=str))
    table, names = specification.pop("data", None), {}
    for number, layer in enumerate(specification["layer"]):
        layer.setdefault("data", table)
        if "name" in layer:
            names[layer["name"]] = f"view {number}"
            layer["name"] = f"view {number}"
    for param in specification.get("params", []):
        param["views"] = [names.get(view, view) for view in param["views"]]
    return specification


def test_what_a_page_gets_of_a_figure_is_what_altair_says(drawn: Mapping[str, Chart]) -> None:
    for state, chart in drawn.items():
        if isinstance(chart, Figure):
            parts = {name: part for name, part in chart._kwds.items() if part is not alt.Undefined}
            assert told(chart) == told(alt.LayerChart(**parts)), state
