"""A figure for every head, as a map and as bars in their order; a click on either is a click on the head."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Head
from ...charts.heads import head_map, layers_without, map_width, ranked_heads
from ..widgets.by_keyboard import head_by_keyboard
from ..widgets.clicks import Entry, clickable
from ..widgets.head_finder import head_finder, window
from ..widgets.layers import greyed

MAP, MAP_COLUMN, BARS, BARS_COLUMN = 280, 365, 125, 190
WIDTH = 575
"""Pixels of both beside each other."""
MOST_RANKED = 14


def head_figures(
    values: Float[np.ndarray, "layers heads"],
    ranking: Sequence[Head],
    chosen: Head,
    *,
    name: str,
    clicked: Callable[[Head], None],
    keys: tuple[str, str],
    signed: bool = True,
) -> None:
    """The map and the first of the ranking beside each other, the chosen head marked. `name` says what the figures are,
    `keys` are those of the two charts."""

    def click(entry: Entry) -> None:
        clicked((int(entry["layer"]), int(entry["head"])))

    figured = [(head, float(values[head])) for head in ranking]
    left = head_finder(figured, chosen, clicked, key=keys[0], figure="{:.4g}".format)
    with st.container(horizontal=True, gap="small"):
        with st.container(width=max(MAP_COLUMN, map_width(values.shape, MAP))):
            without = layers_without(values)
            chart = head_map(values, name=name, signed=signed, chosen=chosen, without=without, click="cell", size=MAP)
            clickable(chart, "cell", keys[0], click, f"{name} of every head, layer by layer")
            if without:
                st.caption(greyed(without))
        with st.container(width=BARS_COLUMN):
            order = window(left, chosen, MOST_RANKED)
            bars = ranked_heads(order, name=name, chosen=chosen, click="bar", width=BARS)
            clickable(bars, "bar", keys[1], click, f"the heads with the most {name}")
    head_by_keyboard(sorted(ranking), chosen, clicked, f"{keys[0]}_keys")
