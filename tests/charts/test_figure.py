"""Figures are drawn without a check of their specification, so it is checked here."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import pytest
from altair.utils.schemapi import SchemaValidationError
from PIL import Image

from core.answer import PatchView, TokenKind, TokenLayout
from core.charts.figure import Figure, figure
from core.charts.heads import SmallImage, gallery, head_map, ranked_heads, word_table
from core.charts.heatmap import heatmap

POINT = pd.DataFrame({"x": [1.0]})


def figures() -> dict[str, alt.LayerChart]:
    view = PatchView(0, "whole", 2, 2, (0.0, 0.0, 8.0, 8.0), (0, 1, 2, 3))
    layout = TokenLayout((TokenKind.IMAGE,) * 4, (view,), ((8, 8),))
    values = np.array([0.1, np.nan, 0.3, 0.4])
    pictures = [SmallImage("data:,", (9, 9), "head 0", (0, 0)), SmallImage("data:,", (9, 9), "head 1", (0, 1))]
    return {
        "heatmap": heatmap([Image.new("RGB", (8, 8))], layout, values, selected=(2,), click="patch"),
        "head map": head_map(np.eye(2), name="focus", chosen=(0, 1), click="cell"),
        "ranked": ranked_heads([((0, 1), 0.5), ((1, 0), 0.2)], name="focus", chosen=(0, 1), click="bar"),
        "gallery": gallery(pictures, width=50, chosen=(0, 1), click="small"),
        "words": word_table(["a", "b"], ["a", "b"], np.eye(2), looked_at="looks at", marked={1}, click="word"),
    }


@pytest.mark.parametrize("name", list(figures()))
def test_a_figure_keeps_to_the_schema(name: str) -> None:
    found = figures()[name]
    assert isinstance(found, Figure)
    assert found.to_dict(validate=True)["layer"] == found.to_dict()["layer"]


def test_a_mistake_is_found_when_asked_for_and_not_before() -> None:
    wrong = figure([alt.Chart(POINT).mark_point().encode(x=alt.X("x:Q", axis=alt.Axis(orient="nowhere")))], 10, 10)  # type: ignore[arg-type]
    assert wrong.to_dict()["width"] == 10
    with pytest.raises(SchemaValidationError):
        wrong.to_dict(validate=True)
