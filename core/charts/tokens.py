"""Figures about tokens: the alternatives at one position, and two answers side by side."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from ..alignment import align
from ..quantities import probability
from .figure import either
from .palette import CHOSEN, DIFFERENT, DIVERGING, INK_ON_DARK, INK_ON_LIGHT, NEUTRAL, OTHER, PAPER
from .pixels import Pixels

MOST_DECADES, MOST_TICKS = 9, 7
"""Powers of ten below one that an axis of probabilities goes down, at most: a smaller one is no bar; and
how many of them are written beside it."""
LINE = 26
"""Height in pixels of a row of tokens."""
AXIS = 44
"""Height in pixels of an axis with its title."""
DARK_FROM = 0.85
"""The share of the diverging scale from which on white is read better than ink."""
WORD_JOINER = "\u2060"


def visible(token: str) -> str:
    """A token as it can be read: white space that is all of it gets a sign, and so do control tokens (empty text)
    and characters that would act on the text around them, such as those that reverse its direction."""
    if not token:
        return "⟨control⟩"
    shown = token.strip(" ").replace("\n", "↵").replace("\t", "⇥") or "␣"
    return "".join("·" if unicodedata.category(letter) in ("Cc", "Cf") else letter for letter in shown)


def cut(text: str, longest: int) -> str:
    """Text of at most `longest` characters; an ellipsis stands for what is left out."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def unique(labels: Sequence[str]) -> list[str]:
    """The labels, no two alike: repeated ones get word joiners, which have no width, after them."""
    seen: set[str] = set()
    result = []
    for label in labels:
        while label in seen:
            label += WORD_JOINER
        seen.add(label)
        result.append(label)
    return result


def alternatives_chart(
    tokens: Sequence[str], logprobs: Sequence[float], chosen: int | None, *, whole: bool = True
) -> alt.LayerChart:
    """Bars of probability for the tokens a model weighed at one position; `chosen` is the one it said. With `whole` the
    axis goes to 100 % and is logarithmic, for beside a sure word all others would be nothing; otherwise it goes as far
    as the bars do."""
    decades = min(MOST_DECADES, -math.floor(min(logprobs, default=0.0) / math.log(10) - 0.1))
    least, probabilities = 10.0**-decades, np.exp(np.asarray(logprobs, dtype=float))
    frame = pd.DataFrame(
        {
            "token": unique([visible(token) for token in tokens]),
            "probability": probabilities,
            "told": [_told(float(share)) for share in probabilities],
            "from": least,
            "log-probability": logprobs,
            "said": [index == chosen for index in range(len(tokens))],
        }
    )
    y = alt.Y(
        "token:N", sort=None, title=None, axis=alt.Axis(labelLimit=160, labelOverlap=False, ticks=False, domain=False)
    )
    if whole:
        scale = alt.Scale(type="log", domain=[least, 1], nice=False, clamp=True)
        powers = range(0, -decades - 1, -math.ceil((decades + 1) / MOST_TICKS))
        axis = alt.Axis(format="~p", values=[10.0**power for power in reversed(powers)], grid=True)
        x = alt.X("probability:Q", title="probability (logarithmic)", scale=scale, axis=axis)
    else:
        scale = alt.Scale(domain=[0, 1.3 * float(frame["probability"].max())], nice=False)
        x = alt.X("probability:Q", title="probability", scale=scale, axis=None)
    base = alt.Chart(frame).encode(x=x, y=y)
    bars = base.mark_bar(height={"band": 0.7}).encode(
        **({"x2": alt.X2("from:Q")} if whole else {}),
        color=either("datum.said", CHOSEN, OTHER),
        tooltip=["token:N", alt.Tooltip("told:N", title="probability"), alt.Tooltip("log-probability:Q", format=".3f")],
    )
    figures = base.mark_text(align="left", dx=4, color=NEUTRAL).encode(text=alt.Text("told:N"))
    return (bars + figures).properties(height=LINE * len(frame) + (AXIS if whole else 0))


def _told(share: float) -> str:
    """A probability in per cent to three digits, however small; next to one it never says all."""
    if share > 0.9995:
        return probability(share)
    return f"{np.format_float_positional(100 * share, 3, fractional=False, trim='-')}%"


@dataclass(frozen=True)
class AlignedToken:
    """One column: the original token, the one that stands in its place, and the change of the original
    token's log-probability (nats)."""

    original: str | None
    other: str | None
    change: float | None

    @property
    def width(self) -> int:
        longest = max(len(visible(text)) if text is not None else 1 for text in (self.original, self.other))
        return max(48, 9 * longest + 14)


def aligned_tokens(original: Sequence[str], other: Sequence[str], change: Sequence[float]) -> list[AlignedToken]:
    """The columns of two answers, as their tokens' texts; `change` is of each token of the original."""
    return [
        AlignedToken(
            None if pair.original is None else original[pair.original],
            None if pair.other is None else other[pair.other],
            None if pair.original is None else float(change[pair.original]),
        )
        for pair in align(original, other)
    ]


def _cells(columns: Sequence[AlignedToken], width: int) -> pd.DataFrame:
    """Every cell's box in pixels: three rows a line, as many lines as `width` makes necessary."""
    rows = []
    left, line = 0, 0
    for column in columns:
        if left and left + column.width > width:
            left, line = 0, line + 1
        top = line * (3 * LINE + 14)
        differs = column.original != column.other
        texts = (
            column.original if column.original is None else visible(column.original),
            column.other if column.other is None else visible(column.other),
            None if column.change is None else f"{column.change:+z.2f}",
        )
        for row, text in enumerate(texts):
            rows.append(
                {
                    "x": left + 1,
                    "x2": left + column.width - 1,
                    "y": top + row * LINE + 1,
                    "y2": top + (row + 1) * LINE - 1,
                    "text": "–" if text is None else text,
                    "row": row,
                    "differs": differs and row == 1,
                    "change": column.change if row == 2 else None,
                }
            )
        left += column.width
    return pd.DataFrame(rows)


def aligned_chart(columns: Sequence[AlignedToken], width: int) -> alt.LayerChart:
    """Two answers token under token, and below them what hiding the region did to each original token.

    `width` is in pixels; longer answers go on in further lines.
    """
    cells = _cells(columns, width)
    height = int(cells["y2"].max()) + 1
    pixels = Pixels(width, height)
    box = pixels.box
    most = max(1.0, float(cells["change"].astype(float).abs().fillna(0.0).max()))
    cells["middle"] = (cells["x"] + cells["x2"]) / 2
    cells["centre"] = (cells["y"] + cells["y2"]) / 2
    said = alt.Chart(cells[cells["row"] < 2])
    boxes = said.mark_rect(fill=PAPER, cornerRadius=3).encode(**box)
    marks = said.transform_filter("datum.differs").mark_rect(
        fill=DIFFERENT, fillOpacity=0.22, stroke=DIFFERENT, cornerRadius=3
    )
    changed = alt.Chart(cells[(cells["row"] == 2) & cells["change"].notna()])
    heat = changed.mark_rect(cornerRadius=3).encode(
        **box,
        color=alt.Color(
            "change:Q", scale=alt.Scale(domain=list(np.linspace(-most, most, 7)), range=list(DIVERGING)), legend=None
        ),
        tooltip=[alt.Tooltip("change:Q", format="+.4f", title="change in log-probability (nats)")],
    )
    centre = {"x": pixels.x("middle"), "y": pixels.y("centre"), "text": "text:N"}
    words = said.mark_text(limit=width, color=INK_ON_LIGHT).encode(**centre)
    figures = changed.mark_text().encode(
        **centre,
        color=either(f"abs(datum.change) > {DARK_FROM * most}", INK_ON_DARK, INK_ON_LIGHT),
    )
    layers = boxes + marks.encode(**box) + heat + words + figures
    return layers.properties(width=width, height=height, autosize="pad", padding=0)
