"""A figure for every head, as a map and as bars in their order; a click on either is a click on the head. What a head
looks at stands between the two, so that whoever clicks sees what comes of it also where the window is narrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Head
from ...charts.heads import head_map, map_width, ranked_heads
from .by_keyboard import head_finder, window
from .clicks import Entry, clickable

MAP, MAP_COLUMN, BARS, BARS_COLUMN = 270, 312, 125, 190
PICTURE_COLUMN, PICTURE = 340, 334
"""Pixels of what stands between map and bars, and of the longer side of a picture there: with the map they are as wide
as a page in a window of 1024."""
MOST_RANKED = 14


def head_figures(
    values: Float[np.ndarray, "layers heads"],
    ranking: Sequence[tuple[Head, float]],
    chosen: Head | None,
    *,
    name: str,
    choose: Callable[[Head], None],
    keys: tuple[str, str],
    key: str,
    figure: Callable[[float], str] = "{:.4g}".format,
    share: bool = False,
    signed: bool = False,
    without: Collection[int] = (),
    below: Callable[[], None] = lambda: None,
    picture: Callable[[], None] | None = None,
) -> None:
    """The map, `picture`, and the first of the ranking, the chosen head marked in both; `below` is drawn under the map.
    `name` says what the figures are and `figure` writes one, `keys` are those of the two charts, `key` that of the
    finder. Layers `without` attention are grey."""

    def clicked(entry: Entry) -> None:
        choose((int(entry["layer"]), int(entry["head"])))

    left = head_finder(ranking, chosen, choose, key=key, figure=figure)
    with st.container(horizontal=True, gap="small", key=f"{key}_body"):
        map_column = st.container(width=max(MAP_COLUMN, map_width(values.shape, MAP)))
        picture_column = None if picture is None else st.container(width=PICTURE_COLUMN)
        bars_column = st.container(width=BARS_COLUMN)
    if picture_column is not None and picture is not None:
        # First of all: it is what a click is for.
        with picture_column:
            picture()
    with map_column:
        chart = head_map(
            values, name=name, share=share, signed=signed, chosen=chosen, without=without, click="cell", size=MAP
        )
        clickable(chart, "cell", keys[0], clicked, f"{name} of every head, layer by layer")
        below()
    with bars_column:
        order = window(left, chosen, MOST_RANKED)
        bars = ranked_heads(order, name=name, share=share, chosen=chosen, click="bar", width=BARS)
        clickable(bars, "bar", keys[1], clicked, f"the heads with the most {name}")
