"""Effects by layer: of restoring states (a map of token groups by layers), and of what layers add (bars)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float

from .figure import Figure, figure
from .heatmap import NOT_LOOKED_AT, TITLE, scale_of
from .palette import CATEGORIES, NEUTRAL, PICKED

ROW = 32
LEAST_COLUMN, MOST_COLUMN = 16, 64
WIDTH = 560
LONGEST_LEGEND = 320


def effect_map(
    names: Sequence[str],
    effects: Float[np.ndarray, "group layer"],
    spread: Float[np.ndarray, "group layer"] | None = None,
    *,
    layers: Sequence[int] | None = None,
    what: str = "effect (nats)",
    at: str = "restored",
    over: str = "samples",
    signed: bool = True,
    chosen: int | None = None,
    click: str | None = None,
) -> Figure:
    """A cell for each group of tokens (a row) and layer (a column; from 0, where `layers` does not name them), coloured
    by an effect, around zero where it is `signed`. Hovering calls it `what`, and its group what is `at`.

    Effects that are not known (NaN) are dashed; `spread` is a standard deviation `over` something, told on hovering.
    The `chosen` layer is outlined; with `click`, clicks toggle an entry with a "layer". Raises ValueError where names
    and figures differ.
    """
    columns = list(range(effects.shape[1])) if layers is None else list(layers)
    if effects.shape != (len(names), len(columns)) or (spread is not None and spread.shape != effects.shape):
        raise ValueError("the table has one row for each group, and one column for each layer, in effects and spread")
    cell = int(min(MOST_COLUMN, max(LEAST_COLUMN, WIDTH // max(1, len(columns)))))
    table = pd.DataFrame(
        [
            {
                "group": name,
                "layer": layer,
                "effect": float(effects[row, column]),
                "spread": None if spread is None else float(spread[row, column]),
            }
            for row, name in enumerate(names)
            for column, layer in enumerate(columns)
        ]
    )
    axis = alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False, domain=False, grid=False, title="layer")
    x = alt.X("layer:O", scale=alt.Scale(domain=columns, padding=0), axis=axis)
    rows = alt.Axis(labelOverlap=False, labelLimit=170, ticks=False, domain=False)
    y = alt.Y("group:N", scale=alt.Scale(domain=list(names), padding=0.06), title=None, axis=rows)
    tips = [alt.Tooltip("group:N", title=at), alt.Tooltip("layer:O")]
    figures = [alt.Tooltip("effect:Q", title=what, format="+.4f" if signed else ".4f")]
    if spread is not None:
        figures.append(alt.Tooltip("spread:Q", title=f"± over {over}", format=".4f"))
    known, missing = table[table["effect"].notna()], table[table["effect"].isna()].assign(state=NOT_LOOKED_AT)
    length = min(LONGEST_LEGEND, max(60, ROW * len(names)))
    legend = alt.Legend(title=what, titleLimit=TITLE, format=".3~g", gradientLength=length, gradientThickness=10)
    color = alt.Color("effect:Q", scale=scale_of(effects, signed=signed).altair(), legend=legend)
    marks: list[alt.Chart] = [alt.Chart(known).mark_rect().encode(x=x, y=y, color=color, tooltip=[*tips, *figures])]
    if len(missing):
        dashed = alt.Chart(missing).mark_rect(fill=NEUTRAL, fillOpacity=0.12, stroke=NEUTRAL, strokeDash=[2, 3])
        marks.append(dashed.encode(x=x, y=y, tooltip=[*tips, alt.Tooltip("state:N", title=what)]))
    if chosen is not None:
        outline = alt.Chart(table[table["layer"] == chosen]).mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=2.5)
        marks.append(outline.encode(x=x, y=y))
    if click:
        top = alt.Chart(known).mark_rect(fillOpacity=0, cursor="pointer").encode(x=x, y=y, tooltip=[*tips, *figures])
        toggle = alt.selection_point(name=click, fields=["layer"], on="click", toggle="true", empty=False)
        marks.append(top.add_params(toggle))
    return figure(marks, cell * len(columns), ROW * len(names))


@dataclass(frozen=True)
class Share:
    """A summand of something: the `part` it is counted to, and the column it stands in."""

    column: str
    part: str
    value: float


def summand_bars(shares: Sequence[Share], *, title: str, width: int = 560, height: int = 220) -> Figure:
    """Bars beside each other, one for each part of each column, in the order in which columns and parts first come.

    Raises ValueError without a share.
    """
    if not shares:
        raise ValueError("there is nothing to draw")
    table = pd.DataFrame([vars(share) for share in shares])
    columns, parts = list(dict.fromkeys(table["column"])), list(dict.fromkeys(table["part"]))
    axis = alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False, grid=False)
    x = alt.X("column:N", scale=alt.Scale(domain=columns, padding=0.15), title=None, axis=axis)
    color = alt.Color(
        "part:N",
        scale=alt.Scale(domain=parts, range=list(CATEGORIES[: len(parts)])),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    bars = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=x,
            xOffset=alt.XOffset("part:N", sort=parts),
            y=alt.Y("value:Q", title=title),
            color=color,
            tooltip=["column:N", "part:N", alt.Tooltip("value:Q", format="+.4f", title=title)],
        )
    )
    zero = alt.Chart(pd.DataFrame([{"value": 0.0}])).mark_rule(color=NEUTRAL).encode(y=alt.Y("value:Q", title=title))
    return figure([bars, zero], width, height)
