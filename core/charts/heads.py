"""Figures about heads and words: a cell for each head, the heads in order, small pictures, and who looks at whom.

In all of them a click toggles an entry of a selection, under the name given as `click`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float
from PIL import Image

from ..answer import Head
from .figure import either, figure
from .heatmap import Scale, scale_of
from .many import MANY, compact
from .palette import CHOSEN, INK_ON_DARK, INK_ON_LIGHT, NEUTRAL, OTHER, PICKED, SEQUENTIAL_RAMP
from .pixels import Pixels
from .tokens import cut, unique, visible
from .urls import jpeg_url

SMALLEST, LARGEST = 7, 44
"""Pixels of a cell's side."""
LINE = 19
"""Pixels of a row of text."""
BESIDE = 48
"""Pixels beside a map of heads for its axis; its legend is below it."""
TITLE = 18
LETTER = 7
"""Pixels of a letter of a title, at most as a rule."""
LONGEST_WORD = 22
DECADES = 3
"""Powers of ten that the colours of a table of words tell apart."""
NO_ATTENTION = "no attention"
LEGIBLE, ROOM = 10, 76
"""Pixels of a cell's height, and of a row's width, from which on the words stand in it."""


def _pointer(click: str | None) -> Literal["pointer", "default"]:
    return "pointer" if click else "default"


def _toggle(click: str, fields: list[str]) -> alt.Parameter:
    return alt.selection_point(name=click, fields=fields, on="click", toggle="true", empty=False)


def head_map(
    figures: Float[np.ndarray, "layers heads"],
    *,
    name: str,
    share: bool = False,
    signed: bool = False,
    chosen: Head | None = None,
    marked: Collection[Head] = (),
    without: Collection[int] = (),
    click: str | None = None,
    size: int = 300,
    scale: Scale | None = None,
) -> alt.LayerChart:
    """A cell for each head, the last layer on top; `name` says what the colour is, `share` that it is a part of one,
    `signed` that it is centred on zero. Without a `scale` the map has its own. The `chosen` head and all `marked` ones
    are outlined.

    NaN cells stay empty; layers `without` attention are grey, with the words "no attention" where there is room and
    dotted where there is none. `size` is about the longer side in pixels. A click's entry has "layer" and "head".
    """
    layers, heads = figures.shape
    cell = _cell(figures.shape, size)
    table = pd.DataFrame(
        [
            {"layer": layer, "head": head, "value": float(figures[layer, head])}
            for layer in range(layers)
            for head in range(heads)
            if np.isfinite(figures[layer, head])
        ],
        columns=["layer", "head", "value"],
    )
    if len(table) > MANY:
        table = compact(table)
    number = "%" if share else ".3~g"
    axis = alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False, domain=False, grid=False)
    x = alt.X("head:O", scale=alt.Scale(domain=list(range(heads)), padding=0), axis=axis)
    y = alt.Y("layer:O", scale=alt.Scale(domain=list(reversed(range(layers))), padding=0), axis=axis)
    base = alt.Chart(table)
    tooltip = [
        alt.Tooltip("layer:O"),
        alt.Tooltip("head:O"),
        alt.Tooltip("value:Q", title=name, format=".1%" if share else "+.4f" if signed else ".4f"),
    ]
    marks: list[alt.Chart] = [
        base.mark_rect().encode(
            x=x,
            y=y,
            color=alt.Color(
                "value:Q",
                scale=(scale or scale_of(figures, signed=signed)).altair(),
                legend=alt.Legend(
                    title=None,
                    format=number,
                    gradientThickness=10,
                    gradientLength=min(160, cell * heads),
                    tickCount=4,
                    orient="bottom",
                ),
            ),
            tooltip=tooltip,
        )
    ]
    if without:
        marks += _without_heads(sorted(without), y, cell, cell * heads)
    outlined = [*([] if chosen is None else [chosen]), *marked]
    if outlined:
        marks.append(
            alt.Chart(pd.DataFrame([{"layer": layer, "head": head} for layer, head in outlined]))
            .mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=3, tooltip=None)
            .encode(x=x, y=y)
        )
    if click:
        # On top, so that a click on an outline is a click on its cell.
        top = base.mark_rect(fillOpacity=0, cursor="pointer").encode(x=x, y=y, tooltip=tooltip)
        marks.append(top.add_params(_toggle(click, ["layer", "head"])))
    # What the colours mean stands above the map: beside it, over their bar, there is no room for it.
    lines = wrap(name, max(24, (cell * heads + BESIDE) // LETTER))
    title = alt.Title(
        lines if len(lines) > 1 else name, anchor="start", fontSize=12, fontWeight="normal", color=NEUTRAL
    )
    return figure(marks, cell * heads, cell * layers, canvas=len(table) > MANY, title=title)


def _cell(shape: tuple[int, ...], size: int) -> int:
    return min(LARGEST, max(SMALLEST, size // max(shape)))


def map_width(shape: tuple[int, ...], size: int) -> int:
    """The width in pixels of a map of so many layers and heads, with its axis."""
    return _cell(shape, size) * shape[1] + BESIDE


def _without_heads(layers: Sequence[int], y: alt.Y, cell: int, width: int) -> list[alt.Chart]:
    """The whole row of each of these layers in grey, with the words in its middle, or a line where there is no room."""
    table = pd.DataFrame([{"layer": layer, "there": NO_ATTENTION} for layer in layers])
    tooltip = [alt.Tooltip("layer:O"), alt.Tooltip("there:N", title="heads")]
    base = alt.Chart(table)
    grey = base.mark_rect(color=NEUTRAL, fillOpacity=0.15).encode(y=y, tooltip=tooltip)
    if cell < LEGIBLE or width < ROOM:
        return [grey, base.mark_rule(color=NEUTRAL, strokeDash=[2, 3]).encode(y=y, tooltip=tooltip)]
    words = base.mark_text(fontSize=min(11, cell - 2), color=NEUTRAL, fontWeight="bold")
    return [grey, words.encode(x=alt.XValue(width / 2), y=y, text="there:N", tooltip=tooltip)]


def layers_without(figures: Float[np.ndarray, "layers heads"]) -> tuple[int, ...]:
    """The layers of which no head has a figure: in figures of all heads, those without attention."""
    return tuple(np.flatnonzero(~np.isfinite(figures).any(1)).tolist())


def ranked_heads(
    order: Sequence[tuple[Head, float]],
    *,
    name: str,
    share: bool = False,
    chosen: Head | None = None,
    click: str | None = None,
    width: int = 150,
) -> alt.LayerChart:
    """A bar for each head, in the order given; values below zero point to the left. A click's entry has "layer" and
    "head"."""
    table = pd.DataFrame(
        [
            {
                "layer": layer,
                "head": head,
                "name": head_name((layer, head)),
                "value": value,
                "on": (layer, head) == chosen,
            }
            for (layer, head), value in order
        ],
        columns=["layer", "head", "name", "value", "on"],
    )
    values = [value for _, value in order]
    most, least = max([1e-9, *values]), min([0.0, *values])
    table["end"] = table["value"].clip(lower=0.0)
    y = alt.Y(
        "name:N",
        sort=None,
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelLimit=80, labelOverlap=False, labelFlush=False),
    )
    scale = alt.Scale(domain=[1.1 * least, most + 0.3 * (most - least)], clamp=True, nice=False)
    x = alt.X("value:Q", title=name, scale=scale, axis=None)
    base = alt.Chart(table).encode(y=y)
    tooltip = [alt.Tooltip("layer:O"), alt.Tooltip("head:O"), alt.Tooltip("value:Q", title=name, format=".4f")]
    bars = base.mark_bar(height={"band": 0.75}).encode(
        x=x, x2=alt.X2(datum=0), color=either("datum.on", PICKED, CHOSEN), tooltip=tooltip
    )
    text = base.mark_text(align="left", dx=3, color=NEUTRAL).encode(
        x=alt.X("end:Q", scale=scale, axis=None), text=alt.Text("value:Q", format=".1%" if share else ".3f")
    )
    marks: list[alt.Chart] = [bars, text]
    if click:
        # Short bars are hard to hit: the whole line takes the click.
        line = base.mark_rect(fillOpacity=0, cursor="pointer").encode(
            x=alt.XValue(0), x2=alt.X2Value(width), tooltip=tooltip
        )
        marks.append(line.add_params(_toggle(click, ["layer", "head"])))
    return figure(marks, width, LINE * max(1, len(table)))


def head_name(head: Head | None) -> str:
    """A head as people write it, from 0: L3 H2."""
    return "all heads" if head is None else f"L{head[0]} H{head[1]}"


@dataclass(frozen=True)
class SmallImage:
    """One of several pictures, a title, and what it is of."""

    image: Image.Image
    title: str
    head: Head


def gallery(
    images: Sequence[SmallImage], *, width: int, chosen: Head | None = None, click: str | None = None
) -> alt.LayerChart:
    """Small pictures in lines of at most `width` pixels, each under its title. A click's entry has "layer" and "head".

    Each goes to the browser as a JPEG of its own, in one table: one sheet of all of them would have to let the page
    through between them, and what can do that (WebP) takes thirty times as long to make.

    Raises ValueError without pictures.
    """
    if not images:
        raise ValueError("there are no pictures to show")
    across = max(small.image.width for small in images) + 10
    down = max(small.image.height for small in images) + TITLE + 10
    columns = max(1, (width + 10) // across)
    wide = min(columns, len(images)) * across - 6
    high = -(-len(images) // columns) * down - 6
    rows = []
    for index, small in enumerate(images):
        row, column = divmod(index, columns)
        left, top = column * across + 2, row * down + 2
        rows.append(
            {
                "layer": small.head[0],
                "head": small.head[1],
                "title": small.title,
                "x": left,
                "x2": left + small.image.width,
                "y": top + TITLE,
                "y2": top + TITLE + small.image.height,
                "line": top + TITLE / 2,
                "url": jpeg_url(small.image),
                "on": small.head == chosen,
            }
        )
    table = pd.DataFrame(rows)
    pixels = Pixels(wide, high)
    box = pixels.box
    shown = alt.Chart(table[["x", "x2", "y", "y2", "url"]])
    table = table.drop(columns="url")
    base = alt.Chart(table)
    tooltip = [alt.Tooltip("layer:O"), alt.Tooltip("head:O")]
    marks: list[alt.Chart] = [
        shown.mark_image(aspect=False, tooltip=None).encode(**box, url=alt.Url("url:N")),
        base.mark_text(align="left", baseline="middle", color=NEUTRAL).encode(
            x=pixels.x("x"), y=pixels.y("line"), text=alt.Text("title:N")
        ),
    ]
    if table["on"].any():
        marks.append(alt.Chart(table[table["on"]]).mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=3).encode(**box))
    top = base.mark_rect(fillOpacity=0, cursor=_pointer(click)).encode(**box, tooltip=tooltip)
    marks.append(top.add_params(_toggle(click, ["layer", "head"])) if click else top)
    return figure(marks, wide, high)


def word_table(
    words: Sequence[str],
    columns: Sequence[str],
    values: Float[np.ndarray, "word column"],
    *,
    looked_at: str,
    marked: Collection[int] = (),
    click: str | None = None,
    cell: int = 34,
) -> alt.LayerChart:
    """How much each word (a row) gives each column. NaN cells stay empty; `marked` rows get a pointer before them.
    Colours are logarithmic over the largest `DECADES` powers of ten: attention that is spread over a picture leaves
    each thing of it little, and one word with much would make all else look alike.

    `looked_at` names what columns are. A click's entry has "word", the row's index. Raises ValueError where the
    table does not fit the names.
    """
    if values.shape != (len(words), len(columns)):
        raise ValueError("the table has one row for each word and one column for each name")
    rows = unique([("▸ " if i in marked else "") + cut(visible(word), LONGEST_WORD) for i, word in enumerate(words)])
    names = unique([cut(visible(column), LONGEST_WORD) for column in columns])
    table = pd.DataFrame(
        [
            {"word": i, "row": row, "column": name, "value": float(values[i, j]), "said": _short(float(values[i, j]))}
            for i, row in enumerate(rows)
            for j, name in enumerate(names)
            if np.isfinite(values[i, j])
        ],
        columns=["word", "row", "column", "value", "said"],
    )
    most = max(float(np.nanmax(values, initial=0.0)), 1e-9)
    table["colour"] = np.maximum(table["value"], most / 10**DECADES)
    ends = np.geomspace(most / 10**DECADES, most, len(SEQUENTIAL_RAMP)).tolist()
    scale = alt.Scale(type="log", domain=ends, range=list(SEQUENTIAL_RAMP), clamp=True)
    powers = [most / 10**power for power in range(DECADES + 1)]
    legend = alt.Legend(
        title="attention",
        format=".1~p",
        values=powers,
        gradientLength=max(20, LINE) * min(5, len(rows)) + 40,
        gradientThickness=10,
    )
    x = alt.X(
        "column:N",
        scale=alt.Scale(domain=names, padding=0.02),
        title=None,
        axis=alt.Axis(
            orient="top",
            labelAngle=-40,
            labelOverlap=False,
            labelFlush=False,
            labelLimit=120,
            ticks=False,
            domain=False,
        ),
    )
    y = alt.Y(
        "row:N",
        scale=alt.Scale(domain=rows, padding=0.04),
        title=None,
        axis=alt.Axis(
            labelOverlap=False,
            labelFlush=False,
            labelLimit=150,
            ticks=False,
            domain=False,
        ),
    )
    base = alt.Chart(table).encode(x=x, y=y)
    tooltip = [
        alt.Tooltip("row:N", title="word"),
        alt.Tooltip("column:N", title=looked_at),
        alt.Tooltip("value:Q", title="attention", format=".2~p"),
    ]
    middle = most / 10 ** (DECADES * 0.4)
    marks: list[alt.Chart] = [
        base.mark_rect(cursor=_pointer(click)).encode(
            color=alt.Color("colour:Q", scale=scale, legend=legend), tooltip=tooltip
        )
    ]
    if cell >= 30:
        marks.append(
            base.mark_text(fontSize=10, tooltip=None).encode(
                text=alt.Text("said:N"),
                color=either(f"datum.value > {middle}", INK_ON_LIGHT, INK_ON_DARK),
            )
        )
    if click:
        top = base.mark_rect(fillOpacity=0, cursor="pointer").encode(tooltip=tooltip)
        marks.append(top.add_params(_toggle(click, ["word"])))
    return figure(marks, cell * len(names), max(20, LINE + 3) * len(rows))


def _short(share: float) -> str:
    """A share in per cent, in at most four characters."""
    percent = 100 * share
    if percent >= 9.95 or percent == 0:
        return f"{percent:.0f}%"
    return f"{percent:.1f}%" if percent >= 0.95 else (f"{percent:.1f}%"[1:] if percent >= 0.05 else "<.1%")


def word_bars(
    words: Sequence[str], values: Float[np.ndarray, "word"], *, title: str, width: int = 220
) -> alt.LayerChart:
    """A bar for each word, in order."""
    table = pd.DataFrame({"word": unique([cut(visible(word), LONGEST_WORD) for word in words]), "value": values})
    y = alt.Y(
        "word:N",
        sort=None,
        title=None,
        axis=alt.Axis(ticks=False, domain=False, labelLimit=150, labelOverlap=False, labelFlush=False),
    )
    base = alt.Chart(table[table["value"].notna()]).encode(y=y)
    most = max(float(np.nanmax(values, initial=0.0)), 1e-9)
    x = alt.X("value:Q", title=title, scale=alt.Scale(domain=[0, 1.3 * most]), axis=None)
    bars = base.mark_bar(height={"band": 0.7}, color=OTHER).encode(
        x=x, tooltip=["word:N", alt.Tooltip("value:Q", title=title, format=".3%")]
    )
    text = base.mark_text(align="left", dx=3, color=NEUTRAL).encode(x=x, text=alt.Text("value:Q", format=".1%"))
    return (bars + text).properties(width=width, height=LINE * len(table), autosize="pad", padding=0)
