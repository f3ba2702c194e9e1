"""How good the maps of each method are against how long it takes to make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from ..statistics.estimate import Estimate
from .figure import Figure, figure
from .palette import CHOSEN, DIFFERENT, NEUTRAL

WIDTH, HEIGHT = 590, 440
"""Pixels: with its axis it fits a window 1024 wide."""
LEAST_SECONDS = 0.001
LETTER, LINE = 6.2, 13
"""Pixels of a letter of a name, and of a line of names."""
DOT, GAP = 6, 9
"""Pixels from the middle of a dot to its edge, and to the name beside it."""
STEPS = 24
"""Half lines that a name may stand above or below its dot."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, counted from the top left."""

    left: float
    right: float
    top: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, reach: float) -> Box:
        """A square with its middle at (x, y)."""
        return cls(x - reach, x + reach, y - reach, y + reach)

    def over(self, other: Box) -> bool:
        """Whether the two lie over each other."""
        return (
            self.right > other.left and self.left < other.right and self.bottom > other.top and self.top < other.bottom
        )


@dataclass(frozen=True)
class Entry:
    """One method: its figure, and the seconds a map takes (None for a control, which takes none)."""

    name: str
    estimate: Estimate
    seconds: float | None
    recommended: bool = False


def league_chart(entries: Sequence[Entry], *, metric: str, quick: float) -> Figure:
    """A dot with its interval for each method, seconds on a logarithmic axis, and a line for each control; another one
    at the `quick` seconds up to which a method may be recommended. Raises ValueError without a method."""
    table = pd.DataFrame(
        [{**vars(entry.estimate), **vars(entry)} for entry in entries if np.isfinite(entry.estimate.value)]
    ).drop(columns="estimate", errors="ignore")
    if table.empty or table["seconds"].isna().all():
        raise ValueError("there is no method to draw")
    methods = table[table["seconds"].notna()].copy()
    controls = table[table["seconds"].isna()]
    methods["seconds"] = methods["seconds"].astype(float).clip(lower=LEAST_SECONDS)
    ends = _ends(methods["seconds"], controls, methods, quick)
    methods = methods.join(_labels(methods, *ends))
    across = alt.Scale(type="log", domain=ends[0], nice=False)
    x = alt.X("seconds:Q", title="processor seconds for a map (median)", scale=across)
    down = alt.Scale(domain=ends[1], nice=False)
    y = alt.Y("value:Q", title=metric, scale=down)
    color = alt.condition("datum.recommended", alt.value(DIFFERENT), alt.value(CHOSEN))
    base = alt.Chart(methods).encode(x=x)
    tips = [
        alt.Tooltip("name:N", title="method"),
        alt.Tooltip("value:Q", format=".3f", title=metric),
        alt.Tooltip("low:Q", format=".3f", title="from"),
        alt.Tooltip("high:Q", format=".3f", title="to"),
        alt.Tooltip("seconds:Q", format=".3f"),
    ]
    bars = base.mark_rule(opacity=0.45, strokeWidth=2, tooltip=None).encode(
        y=alt.Y("low:Q", title=metric, scale=down), y2="high:Q", color=color
    )
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(y=y, color=color, tooltip=tips)
    height = alt.Y("label:Q", title=metric, scale=down)
    names = [
        base.transform_filter(f"datum.side === {side}")
        .mark_text(align="left" if side > 0 else "right", dx=side * GAP, fontSize=11, tooltip=None)
        .encode(y=height, text="name:N", color=color)
        for side in (1, -1)
    ]
    leads = alt.Chart(methods).transform_filter("datum.moved").mark_rule(opacity=0.5, tooltip=None)
    leads = leads.encode(x=x, x2="beside:Q", y=y, y2="label:Q", color=color)
    lines = alt.Chart(controls).mark_rule(color=NEUTRAL, strokeDash=[5, 4], tooltip=None).encode(y=y)
    told = alt.Chart(controls).mark_text(align="right", dy=-7, dx=-4, color=NEUTRAL, tooltip=None)
    told = told.encode(x=alt.value(WIDTH), y=y, text="name:N")
    limit = alt.Chart(pd.DataFrame([{"seconds": quick}])).mark_rule(color=NEUTRAL, strokeDash=[2, 4], tooltip=None)
    return figure([lines, told, limit.encode(x=x), bars, leads, dots, *names], WIDTH, HEIGHT)


def _ends(
    seconds: pd.Series, controls: pd.DataFrame, methods: pd.DataFrame, quick: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of both axes, with room for the names."""
    values = [*methods["low"], *methods["high"], *controls["value"]]
    room = 0.06 * ((max(values) - min(values)) or 1.0)
    return (float(seconds.min()) * 0.8, max(float(seconds.max()), quick) * 8), (min(values) - room, max(values) + room)


def _labels(methods: pd.DataFrame, across: tuple[float, float], down: tuple[float, float]) -> pd.DataFrame:
    """Where each name stands: beside its dot, or as near to it as leaves all dots, intervals and the names before it
    to be read.

    For each method `label`, the height of its name on the figure's axis; `side`, 1 right and -1 left of its dot;
    `moved`, whether it stands so far off that a line must lead to it; and `beside`, where on the axis of seconds that
    line ends.
    """
    scale = WIDTH / np.log(across[1] / across[0])

    def level(value: float) -> float:
        return (down[1] - value) / (down[1] - down[0]) * HEIGHT

    columns = [float(np.log(row.seconds / across[0]) * scale) for row in methods.itertuples()]
    dots = [
        Box.around(column, level(row.value), DOT) for column, row in zip(columns, methods.itertuples(), strict=True)
    ]
    bars = [
        Box(column - 2, column + 2, level(row.high), level(row.low))
        for column, row in zip(columns, methods.itertuples(), strict=True)
    ]
    steps = [(step, side) for step in sorted(range(-STEPS, STEPS + 1), key=abs) for side in (1, -1)]
    placed: list[Box] = []
    labels = []
    for number, (column, row) in enumerate(zip(columns, methods.itertuples(), strict=True)):
        others = [*placed, *dots[:number], *dots[number + 1 :], *bars[:number], *bars[number + 1 :]]
        choices = []
        for step, side in steps:
            near, far = column + side * GAP, column + side * (GAP + LETTER * len(row.name))
            middle = level(row.value) + step * LINE / 2
            box = Box(min(near, far), max(near, far), middle - LINE / 2, middle + LINE / 2)
            outside = box.left < 0 or box.top < 0 or box.bottom > HEIGHT
            choices.append((sum(box.over(other) for other in others) + 9 * outside, step, side, box))
        _, step, side, box = min(choices, key=lambda choice: choice[0])
        placed.append(box)
        label = down[1] - (box.top + box.bottom) / 2 / HEIGHT * (down[1] - down[0])
        beside = across[0] * float(np.exp((column + side * (GAP - 2)) / scale))
        labels.append({"label": label, "side": side, "moved": abs(step) > 1, "beside": beside})
    return pd.DataFrame(labels, index=methods.index)
