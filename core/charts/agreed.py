"""Estimates beside what was measured: a point for each, and the line on which both are the same."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float

from .figure import Figure, figure
from .palette import CATEGORIES, NEUTRAL

NAMES = {"head": "heads", "mlp": "MLPs", "states": "states of groups"}


def agreed_chart(
    parts: Sequence[str],
    kinds: Sequence[str],
    estimated: Float[np.ndarray, "part"],
    restored: Float[np.ndarray, "part"],
    *,
    size: int = 320,
) -> Figure:
    """A point for each part, what was estimated along and what restoring gave up, in nats, coloured by its kind. Raises
    ValueError without parts."""
    if not len(parts):
        raise ValueError("there is no part to draw")
    table = pd.DataFrame(
        {
            "part": list(parts),
            "kind": [NAMES.get(kind, kind) for kind in kinds],
            "estimated": estimated,
            "restored": restored,
        }
    )
    low = float(min(estimated.min(), restored.min(), 0.0))
    high = float(max(estimated.max(), restored.max(), 0.0))
    span = alt.Scale(domain=[low, high if high > low else low + 1.0], nice=True)
    x = alt.X("estimated:Q", title="estimated (nats)", scale=span)
    y = alt.Y("restored:Q", title="restored (nats)", scale=span)
    names = list(dict.fromkeys(table["kind"]))
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    tips = [
        alt.Tooltip("part:N"),
        alt.Tooltip("estimated:Q", format="+.4f"),
        alt.Tooltip("restored:Q", format="+.4f"),
    ]
    ends = pd.DataFrame({"estimated": [low, high], "restored": [low, high]})
    same = alt.Chart(ends).mark_line(color=NEUTRAL, strokeDash=[4, 3], tooltip=None).encode(x=x, y=y)
    points = alt.Chart(table).mark_point(filled=True, size=60, opacity=0.8)
    return figure([same, points.encode(x=x, y=y, color=color, tooltip=tips)], size, size)
