"""Image against text: how much of each map lies on image, question and earlier answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float

from ..maps.shares import Part, Share
from .figure import Beside
from .palette import NEUTRAL, PARTS

BAR = 20
WIDTH = 205


def shares_chart(maps: Mapping[str, Sequence[Share]]) -> alt.HConcatChart:
    """Bars for each map (by its name): each part's sum beside its mean per token, both against the same whole.

    Sums are parts of all absolute score on the parts compared; means are multiples of the average token's absolute
    score there. Bars to the left of zero are evidence against. Parts that are not compared, or have no tokens, have no
    bar. Raises ValueError when no map has a score.
    """
    rows = [row for name, shares in maps.items() for row in _rows(name, shares)]
    if not rows:
        raise ValueError("there is no score on any part")
    frame = pd.DataFrame(rows)
    names = list(dict.fromkeys(frame["map"]))
    parts = list(dict.fromkeys(frame["part"]))
    height = (BAR * len(parts) + 12) * len(names)
    base = alt.Chart(frame).encode(
        color=alt.Color(
            "part:N",
            scale=alt.Scale(domain=parts, range=[PARTS[part] for part in parts]),
            legend=alt.Legend(title=None, orient="top", direction="horizontal"),
        ),
        yOffset=alt.YOffset("part:N", sort=parts),
        tooltip=[
            alt.Tooltip("map:N", title="method"),
            "part:N",
            alt.Tooltip("tokens:Q"),
            alt.Tooltip("raw sum:Q", format=".4g"),
            alt.Tooltip("raw mean:Q", format=".4g", title="raw mean per token"),
            alt.Tooltip("sum:Q", format=".1%", title="share of all score"),
            alt.Tooltip("mean:Q", format=".2f", title="times the average token"),
        ],
    )
    y = alt.Y("map:N", sort=names, title=None, axis=alt.Axis(labelLimit=170, ticks=False, domain=False))
    sums = base.mark_bar().encode(
        x=alt.X("sum:Q", title="sum: share of all score", axis=alt.Axis(format="%", tickCount=5)), y=y
    )
    means = base.mark_bar().encode(
        x=alt.X("mean:Q", title="mean per token: times the average token", axis=alt.Axis(tickCount=5)),
        y=alt.Y("map:N", sort=names, title=None, axis=None),
    )
    average = alt.Chart(pd.DataFrame({"x": [1.0]})).mark_rule(color=NEUTRAL, strokeDash=[4, 3]).encode(x="x:Q")
    size = {"width": WIDTH, "height": height}
    return Beside(hconcat=[sums.properties(**size), (means + average).properties(**size)], spacing=24)


def _rows(name: str, shares: Sequence[Share]) -> list[dict[str, object]]:
    compared = [share for share in shares if share.fraction is not None]
    whole = sum(share.supports - share.opposes for share in compared)
    tokens = sum(share.tokens for share in compared)
    rows: list[dict[str, object]] = []
    for share in compared:
        if not share.tokens:
            continue
        sides = [(share.supports, share.mean_support), (share.opposes, share.mean_opposition)]
        for total, mean in [side for side in sides if side[0]] or sides[:1]:
            rows.append(
                {
                    "map": name,
                    "part": share.part.value,
                    "tokens": share.tokens,
                    "raw sum": total,
                    "raw mean": mean,
                    "sum": total / whole,
                    "mean": mean * tokens / whole,
                }
            )
    return rows


def layers_chart(sums: Mapping[Part, Float[np.ndarray, "layer"]], chosen: int | None = None) -> alt.LayerChart:
    """Each part's sum in every layer, as bars beside each other; the `chosen` layer stands on a band.

    Clicking selects a layer (parameter "layer", field "layer", counted from 0).
    """
    frame = pd.DataFrame(
        [
            {"layer": layer, "part": part.value, "sum": float(value)}
            for part, values in sums.items()
            for layer, value in enumerate(values)
        ]
    )
    parts = list(dict.fromkeys(frame["part"]))
    layers = sorted(set(frame["layer"]))
    x = alt.X("layer:O", title="decoder layer", axis=alt.Axis(labelAngle=0, labelOverlap=True))
    click = alt.selection_point(name="layer", fields=["layer"], on="click", toggle="true", empty=False)
    # A bar as high as the plot in every layer, so that one may click anywhere above it.
    targets = pd.DataFrame({"layer": layers, "chosen": [layer == chosen for layer in layers]})
    bands = (
        alt.Chart(targets)
        .mark_bar(cursor="pointer", width={"band": 1})
        .encode(
            x=x,
            y=alt.value(0),
            y2=alt.value("height"),
            color=alt.value(NEUTRAL),
            opacity=alt.condition("datum.chosen", alt.value(0.28), alt.value(0.04)),
            tooltip=["layer:O"],
        )
        .add_params(click)
    )
    bars = (
        alt.Chart(frame)
        .mark_bar(cursor="pointer")
        .encode(
            x=x,
            xOffset=alt.XOffset("part:N", sort=parts),
            y=alt.Y("sum:Q", title="score that enters"),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=parts, range=[PARTS[part] for part in parts]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=["layer:O", "part:N", alt.Tooltip("sum:Q", format=".4g")],
        )
    )
    step = max(16, min(56, 520 // len(layers)))
    return (bands + bars).properties(width=step * len(layers), height=220, autosize="pad")
