"""Figures are drawn without a check of their specification, unless it is asked for."""

from __future__ import annotations

import altair as alt
import pandas as pd
import pytest
from altair.utils.schemapi import SchemaValidationError

from core.charts.figure import figure

POINT = pd.DataFrame({"x": [1.0]})


def test_a_mistake_is_found_when_asked_for_and_not_before() -> None:
    wrong = figure([alt.Chart(POINT).mark_point().encode(x=alt.X("x:Q", axis=alt.Axis(orient="nowhere")))], 10, 10)  # type: ignore[arg-type]
    assert wrong.to_dict()["width"] == 10
    with pytest.raises(SchemaValidationError):
        wrong.to_dict(validate=True)
