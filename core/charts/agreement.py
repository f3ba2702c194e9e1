"""How far maps agree, as a table whose cells are coloured by what they say."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float

from .heatmap import Scale
from .palette import NEUTRAL, inks

ROW, COLUMN = 32, 70


def agreement_matrix(
    names: Sequence[str], table: Float[np.ndarray, "map map"], scale: Scale, *, title: str, format: str = ".2f"
) -> alt.LayerChart:
    """A cell for each pair of maps; pairs without a number (a flat map) have a dash.

    Raises ValueError where the table does not fit the names.
    """
    if table.shape != (len(names), len(names)):
        raise ValueError("the table has one row and one column for each name")
    ink = inks(scale.colors, scale.share(np.nan_to_num(table)))
    frame = pd.DataFrame(
        [
            {
                "one": one,
                "other": other,
                "value": float(table[i, j]),
                "text": "–" if np.isnan(table[i, j]) else f"{table[i, j]:{format}}",
                "ink": NEUTRAL if np.isnan(table[i, j]) else str(ink[i, j]),
            }
            for i, one in enumerate(names)
            for j, other in enumerate(names)
        ]
    )
    axis = alt.Axis(labelAngle=-30, labelLimit=140, labelOverlap=False, ticks=False, domain=False, orient="top")
    base = alt.Chart(frame).encode(
        x=alt.X("other:N", sort=list(names), title=None, axis=axis),
        y=alt.Y("one:N", sort=list(names), title=None, axis=alt.Axis(labelLimit=170, ticks=False, domain=False)),
    )
    known = alt.datum.text != "–"
    cells = (
        base.transform_filter(known)
        .mark_rect(cornerRadius=3)
        .encode(
            color=alt.Color("value:Q", scale=scale.altair(), legend=None),
            tooltip=["one:N", "other:N", alt.Tooltip("value:Q", format=".3f", title=title)],
        )
    )
    figures = base.mark_text().encode(text="text:N", color=alt.Color("ink:N", scale=None))
    # The figures' inks are colours as they are, not values on the cells' scale.
    both = alt.layer(cells, figures).resolve_scale(color="independent")
    return both.properties(
        title=alt.Title(title, anchor="start", fontSize=13, fontWeight="normal", color=NEUTRAL),
        width=COLUMN * len(names),
        height=ROW * len(names),
        autosize="pad",
    )
