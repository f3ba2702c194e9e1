"""Words coloured by score: the question and the answer as they are read, each token on its own ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from .figure import Figure
from .heatmap import Scale
from .palette import CHOSEN, NEUTRAL, inks
from .pixels import Pixels
from .tokens import visible

LINE = 26
GAP = 7
HEADING = 20
"""Pixels: a line's height, the space between words, and a heading's height."""


@dataclass(frozen=True)
class ScoredToken:
    """A token and its score (None or NaN: it has none). `group` is the heading it stands under, `opens` says that it
    begins a word, `target` that it is what is explained; `note` is shown on hovering."""

    text: str
    score: float | None
    group: str
    opens: bool = True
    target: bool = False
    note: str = ""


def words_chart(tokens: Sequence[ScoredToken], width: int, scale: Scale) -> alt.LayerChart:
    """Tokens in lines of at most `width` pixels, coloured on `scale`. A ring is drawn round what is explained.

    Raises ValueError without tokens.
    """
    if not tokens:
        raise ValueError("there are no words to colour")
    cells, headings, height = _lay_out(tokens, width)
    pixels = Pixels(width, height)
    box = pixels.box
    scored = alt.Chart(cells[cells["score"].notna()])
    tips = [alt.Tooltip("token:N"), alt.Tooltip("score:Q", format=".4g"), alt.Tooltip("note:N")]
    heat = scored.mark_rect(cornerRadius=3).encode(
        **box, color=alt.Color("score:Q", scale=scale.altair(), legend=None), tooltip=tips
    )
    plain = (
        alt.Chart(cells[cells["score"].isna()])
        .mark_rect(cornerRadius=3, filled=False, stroke=NEUTRAL, strokeDash=[2, 2], strokeOpacity=0.7)
        .encode(**box, tooltip=[alt.Tooltip("token:N"), alt.Tooltip("note:N")])
    )
    ring = (
        alt.Chart(cells[cells["target"]])
        .mark_rect(cornerRadius=3, filled=False, stroke=CHOSEN, strokeWidth=2.5)
        .encode(**box)
    )
    cells["ink"] = inks(scale.colors, scale.share(cells["score"].to_numpy(dtype=float)))
    cells.loc[cells["score"].isna(), "ink"] = NEUTRAL
    ink = (
        alt.Chart(cells)
        .mark_text(limit=width)
        .encode(
            x=pixels.x("middle"),
            y=pixels.y("centre"),
            text=alt.Text("token:N"),
            color=alt.Color("ink:N", scale=None),
        )
    )
    titles = (
        alt.Chart(headings)
        .mark_text(align="left", color=NEUTRAL, fontSize=12)
        .encode(x=pixels.x("x"), y=pixels.y("centre"), text=alt.Text("text:N"))
    )
    # The inks are colours as they are, not values on the scale of the grounds.
    layers = Figure(layer=[heat, plain, ring, ink, titles]).resolve_scale(color="independent")
    return layers.properties(width=width, height=height, autosize="pad", padding=0)


def _lay_out(tokens: Sequence[ScoredToken], width: int) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Boxes in pixels of tokens and headings, and the height of it all."""
    cells, headings = [], []
    group, left, top = None, 0, -LINE
    for token in tokens:
        shown = visible(token.text)
        wide = min(width, max(18, round(7.6 * len(shown)) + 10))
        if token.group != group:
            group, left = token.group, 0
            headings.append({"x": 0, "centre": top + LINE + HEADING / 2, "text": group})
            top += LINE + HEADING
        elif token.opens and left:
            left += GAP
        if left and left + wide > width:
            left, top = 0, top + LINE
        cells.append(
            {
                "x": left,
                "x2": left + wide - 1,
                "y": top + 1,
                "y2": top + LINE - 2,
                "middle": left + (wide - 1) / 2,
                "centre": top + (LINE - 1) / 2,
                "token": shown,
                "score": np.nan if token.score is None else token.score,
                "target": token.target,
                "note": token.note,
            }
        )
        left += wide
    return pd.DataFrame(cells), pd.DataFrame(headings), top + LINE
