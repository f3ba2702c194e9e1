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
from .figure import figure
from .heatmap import Scale, panels, patch_table, pictures, places
from .palette import INK_ON_DARK, INK_ON_LIGHT, PICKED
from .pixels import Pixels
from .tokens import cut, unique, visible

CERTAIN = Scale(0, 1)
MOST_TOLD = 10
"""Words that hovering lists."""
OPACITY = 0.6
DARK_BELOW = 0.6
"""The probability below which the ground is dark and the word on it white."""
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


def reading_grid(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    readings: Mapping[int, Reading],
    *,
    size: int,
    marked: Collection[int] = (),
    only: Collection[int] | None = None,
) -> alt.LayerChart:
    """The top word of every image token (by sequence position) where the token lies in the picture, on a ground that
    says how probable it is; hovering lists the next ones. `marked` positions are outlined.

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
    told = pd.DataFrame([readings[position].row for position in table["position"]])
    table = pd.concat([table[["row", "column", "x", "x2", "y", "y2", "picked"]], told], axis=1)
    table["middle"], table["centre"] = (table["x"] + table["x2"]) / 2, (table["y"] + table["y2"]) / 2
    cell = float((table["x2"] - table["x"]).min())
    letters = max(1, int(cell / (_font(cell) * LETTER)))
    table["text"] = [cut(word, letters) for word in table["word"]]
    pixels = Pixels(width, height)
    box = pixels.box
    tips = [alt.Tooltip("row:Q"), alt.Tooltip("column:Q"), *_told(told)]
    base = alt.Chart(table)
    marks: list[alt.Chart] = [
        *pictures(images, layout, spots, pixels),
        base.mark_rect(opacity=OPACITY).encode(**box, color=_ground(min(160, height)), tooltip=tips),
        base.mark_text(fontSize=_font(cell), tooltip=None).encode(
            x=pixels.x("middle"), y=pixels.y("centre"), text=alt.Text("text:N"), color=_ink()
        ),
    ]
    if table["picked"].any():
        outline = alt.Chart(table[table["picked"]]).mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=2, tooltip=None)
        marks.append(outline.encode(**box))
    return figure(marks, width, height)


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


def _ground(length: int | None) -> alt.Color:
    """Colours by probability, with a legend of some length."""
    legend = None
    if length is not None:
        legend = alt.Legend(title=None, format="%", gradientLength=length, gradientThickness=10, tickCount=3)
    return alt.Color("probability:Q", scale=CERTAIN.altair(), legend=legend)


def _ink() -> Any:
    return alt.condition(f"datum.probability < {DARK_BELOW}", alt.value(INK_ON_DARK), alt.value(INK_ON_LIGHT))


def _told(table: pd.DataFrame) -> list[alt.Tooltip]:
    """What hovering says: the words in their order."""
    ranks = [rank for rank in range(1, MOST_TOLD + 1) if f"word{rank}" in table]
    return [alt.Tooltip(f"word{rank}:N", title=str(rank)) for rank in ranks]
