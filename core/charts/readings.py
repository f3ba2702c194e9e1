"""What states say in the vocabulary: top words over the picture, and as a table of tokens by layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from PIL import Image

from ..answer import TokenLayout
from .figure import either, figure
from .heatmap import Place, Scale, panels, patch_table, pictures, places, tints
from .many import MANY, compact, ground_layers
from .palette import INK_ON_DARK, INK_ON_LIGHT, PICKED
from .pixels import Pixels
from .tokens import cut, unique, visible

CERTAIN = Scale(0, 1)
MOST_TOLD = 10
"""Words that hovering lists."""
OPACITY = 0.6
DARK_BELOW = 0.6
"""The probability below which the ground is dark and the word on it white."""
TOLD_OF_MANY, LONGEST_OF_MANY = 3, 14
"""Words that hovering lists where there are many patches, and the letters of each."""
PROBABLE, MOST_WRITTEN = 0.3, 150
"""The probability from which on a word is written over a picture of many patches, and how many are at most."""
FONT = 11
"""The size of those words."""
ROW, COLUMN = 24, 56
LETTER = 0.62
"""Width of a letter as a part of the font's size."""


@dataclass(frozen=True)
class Reading:
    """The words that a state makes most probable, best first, each with its probability."""

    words: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def row(self) -> dict[str, object]:
        """The best word, its probability, and every word as text to be told on hovering."""
        told = [
            f"{visible(word)}  {probability:.1%}"
            for word, probability in zip(self.words, self.probabilities, strict=True)
        ]
        return {
            "word": visible(self.words[0]),
            "probability": self.probabilities[0],
            **{f"word{rank}": text for rank, text in enumerate(told[:MOST_TOLD], 1)},
        }

    def told(self, most: int) -> str:
        """The first words with their probabilities, in one line."""
        pairs = zip(self.words[:most], self.probabilities, strict=False)
        return " · ".join(f"{cut(visible(word), LONGEST_OF_MANY)} {probability:.0%}" for word, probability in pairs)


def reading_grid(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    readings: Mapping[int, Reading],
    *,
    size: int,
    marked: Collection[int] = (),
    only: Collection[int] | None = None,
    picked: int | None = None,
    click: str | None = None,
    zoom: bool = False,
) -> alt.LayerChart:
    """The top word of every image token (by sequence position) where the token lies in the picture, on a ground that
    says how probable it is; hovering lists the next ones. `marked` positions are outlined, and `picked` more so.

    More than `MANY` are drawn as one image, on a canvas, and words stand on it where they are probable and have room;
    with `zoom` it can be enlarged and moved, and every word is there once its patch has room for it. With `click`,
    clicks toggle patches in a selection of that name whose entries have a "position".
    Raises ValueError where no patch has a place or one has no reading.
    """
    shown = panels(layout, only)
    if not shown:
        raise ValueError("no image token has a place in a picture")
    spots, width, height = places(shown, size)
    table = patch_table(spots, np.zeros(len(layout)), marked)
    missing = [position for position in table["position"] if position not in readings]
    if missing:
        raise ValueError(f"image token {missing[0]} has no reading")
    table = table.drop(columns=["view", "value", "share"])
    pixels = Pixels(width, height)
    many = len(table) > MANY
    words, told, tips = (_many_readings if many else _few_readings)(spots, table, readings, pixels, zoom)
    marks = [*pictures(images, layout, spots, pixels), *words]
    if table["picked"].any():
        marks.append(_outlines(told.transform_filter("datum.picked"), pixels, 1.2 if many else 2))
    if picked in readings:
        marks.append(_outlines(told.transform_filter(f"datum.position === {picked}"), pixels, 3.5))
    if many or click:
        top = told.mark_rect(fillOpacity=0, strokeOpacity=0).encode(**pixels.box, tooltip=tips)
        if click:
            toggle = alt.selection_point(name=click, fields=["position"], on="click", toggle="true", empty=False)
            top = top.add_params(toggle)
        marks.append(top)
    return figure(marks, width, height, canvas=many, zoom=zoom)


Drawn = tuple[list[alt.Chart], alt.Chart, list[alt.Tooltip]]
"""Marks, a chart of the table that they have, and what hovering tells of its rows."""


def _few_readings(
    spots: Sequence[Place], table: pd.DataFrame, readings: Mapping[int, Reading], pixels: Pixels, zoom: bool
) -> Drawn:
    """A mark and a word for every patch, as much of it as has room."""
    every = pd.DataFrame([readings[position].row for position in table["position"]])
    cell = _cell(table)
    letters = max(1, int(cell / (_font(cell) * LETTER)))
    base = alt.Chart(
        table.assign(
            **every,
            middle=(table["x"] + table["x2"]) / 2,
            centre=(table["y"] + table["y2"]) / 2,
            text=[cut(word, letters) for word in every["word"]],
        )
    )
    tips = [alt.Tooltip("row:Q"), alt.Tooltip("column:Q"), *_told(every)]
    ground = base.mark_rect(opacity=OPACITY).encode(
        **pixels.box, color=_ground(min(160, int(pixels.height))), tooltip=tips
    )
    text = base.mark_text(fontSize=_font(cell), tooltip=None).encode(
        x=pixels.x("middle"), y=pixels.y("centre"), text=alt.Text("text:N"), color=_ink()
    )
    return [ground, text], base, tips


def _many_readings(
    spots: Sequence[Place], table: pd.DataFrame, readings: Mapping[int, Reading], pixels: Pixels, zoom: bool
) -> Drawn:
    """The grounds as one image each, and the words that are probable, the most probable first, where no other stands;
    with `zoom` all of them, each from the moment on that its patch has room for it."""
    probable = {position: readings[position].probabilities[0] for position in table["position"]}
    grounds = [
        (
            spot.across(view.box),
            tints(view, np.array([probable[position] for position in view.positions]), CERTAIN, OPACITY),
        )
        for spot in spots
        for view in spot.panel.views
    ]
    layers = ground_layers(grounds, pixels, _ground(min(160, int(pixels.height)), "value"))
    told = table.assign(told=[readings[position].told(TOLD_OF_MANY) for position in table["position"]])
    text = [cut(visible(readings[position].words[0]), LONGEST_OF_MANY) for position in table["position"]]
    words = table.assign(text=text, probability=list(probable.values()))
    seldom = alt.Chart(compact(words.iloc[_with_room(words)].drop(columns=["probability", "picked"])))
    tips = [alt.Tooltip("row:Q"), alt.Tooltip("column:Q"), alt.Tooltip("told:N", title="says")]
    if not zoom:
        return [*layers, *_written(seldom, pixels, alt.value(1))], alt.Chart(compact(told)), tips
    base = alt.Chart(compact(told.assign(text=text)))
    # How many pixels a patch is wide as it is shown now, and how many its word needs.
    shown = f"{_cell(table)} * {pixels.width} / abs(domain('x')[1] - domain('x')[0])"
    room = f"{shown} >= {LETTER * FONT} * length(datum.text)"
    if_room = alt.condition(room, alt.value(1), alt.value(0))
    without_room = alt.condition(room, alt.value(0), alt.value(1))
    return [*layers, *_written(seldom, pixels, without_room), *_written(base, pixels, if_room)], base, tips


def _written(base: alt.Chart, pixels: Pixels, opacity: Any) -> list[alt.Chart]:
    """Words in the middles of their patches; with a dark rim, so that they are legible on any picture."""
    words = base.transform_calculate(middle="(datum.x + datum.x2) / 2", centre="(datum.y + datum.y2) / 2").encode(
        x=pixels.x("middle"), y=pixels.y("centre"), text=alt.Text("text:N"), opacity=opacity
    )
    rim = words.mark_text(fontSize=FONT, tooltip=None, stroke=INK_ON_LIGHT, strokeWidth=3, strokeOpacity=0.8)
    return [rim, words.mark_text(fontSize=FONT, tooltip=None, color=INK_ON_DARK)]


def _outlines(base: alt.Chart, pixels: Pixels, width: float) -> alt.Chart:
    return base.mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=width, tooltip=None).encode(**pixels.box)


def _with_room(words: pd.DataFrame) -> list[int]:
    """The rows of the words that are probable and do not stand on a more probable one."""
    probable, lengths = words["probability"].to_numpy(), words["text"].str.len().to_numpy()
    x, y = ((words[low] + words[high]).to_numpy() / 2 for low, high in (("x", "x2"), ("y", "y2")))
    half = LETTER * FONT * np.maximum(2, lengths) / 2 + 2
    chosen: list[int] = []
    for index in np.argsort(-probable, kind="stable").tolist():
        if probable[index] < PROBABLE or len(chosen) == MOST_WRITTEN:
            break
        apart = (np.abs(y[chosen] - y[index]) >= FONT + 2) | (
            np.abs(x[chosen] - x[index]) >= half[chosen] + half[index]
        )
        if apart.all():
            chosen.append(index)
    return chosen


def _cell(table: pd.DataFrame) -> float:
    """The width in pixels of the narrowest patch."""
    return float((table["x2"] - table["x"]).min())


def _font(cell: float) -> float:
    """The size of words that go into cells so wide."""
    return min(11.0, max(7.0, cell / 4.2))


def reading_table(
    tokens: Sequence[str],
    layers: Sequence[int],
    readings: Sequence[Sequence[Reading]],
    *,
    marked: Collection[int] = (),
    first: Mapping[int, int] | None = None,
    legend: bool = True,
) -> alt.LayerChart:
    """The top word of every token (a row) at every layer (a column), coloured by its probability; hovering lists more.

    `marked` rows get a pointer before them; `first` says of rows in which layer something first holds, and those cells
    are outlined. Raises ValueError where the table does not fit tokens and layers.
    """
    if len(readings) != len(tokens) or any(len(row) != len(layers) for row in readings):
        raise ValueError("the table has one row for each token and one column for each layer")
    names = unique([("▸ " if i in marked else "") + visible(token) for i, token in enumerate(tokens)])
    first = first or {}
    table = pd.DataFrame(
        [
            {"token": name, "layer": layer, "first": first.get(i) == layer, **reading.row}
            for i, (name, row) in enumerate(zip(names, readings, strict=True))
            for layer, reading in zip(layers, row, strict=True)
        ]
    )
    x = alt.X(
        "layer:O",
        scale=alt.Scale(domain=list(layers), padding=0.02),
        axis=alt.Axis(orient="top", labelAngle=0, ticks=False, domain=False),
    )
    axis = alt.Axis(labelOverlap=False, labelFlush=False, labelLimit=115, ticks=False, domain=False)
    y = alt.Y("token:N", scale=alt.Scale(domain=names, padding=0.04), title=None, axis=axis)
    tips = [alt.Tooltip("token:N", title="at"), alt.Tooltip("layer:O"), *_told(table)]
    base = alt.Chart(table).encode(x=x, y=y)
    marks: list[alt.Chart] = [
        base.mark_rect().encode(color=_ground(160 if legend else None), tooltip=tips),
        base.mark_text(fontSize=11, limit=COLUMN - 6, tooltip=None).encode(text=alt.Text("word:N"), color=_ink()),
    ]
    if table["first"].any():
        outline = alt.Chart(table[table["first"]]).mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=2, tooltip=None)
        marks.append(outline.encode(x=x, y=y))
    return figure(marks, COLUMN * len(layers), ROW * len(names))


def _ground(length: int | None, field: str = "probability") -> alt.Color:
    """Colours by probability, with a legend of some length."""
    legend = None
    if length is not None:
        legend = alt.Legend(title="probability", format="%", gradientLength=length, gradientThickness=10, tickCount=3)
    return alt.Color(f"{field}:Q", scale=CERTAIN.altair(), legend=legend)


def _ink() -> Any:
    return either(f"datum.probability < {DARK_BELOW}", INK_ON_DARK, INK_ON_LIGHT)


def _told(table: pd.DataFrame) -> list[alt.Tooltip]:
    """What hovering says: the words in their order."""
    ranks = [rank for rank in range(1, MOST_TOLD + 1) if f"word{rank}" in table]
    return [alt.Tooltip(f"word{rank}:N", title=str(rank)) for rank in ranks]
