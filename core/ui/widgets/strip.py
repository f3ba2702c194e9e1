"""Small pictures in one line that is scrolled from side to side where it is longer than the page is wide: the frames of
a video, in their order. The keyboard reaches each by its button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st
from PIL import Image

MOST = 24
"""Tiles that are drawn at once."""


@dataclass(frozen=True, eq=False)
class Tile:
    """A small picture, `draw` as it is drawn only where it is shown, with what stands under it."""

    draw: Callable[[], Image.Image | bytes]
    label: str
    alt: str


def strip(
    tiles: Sequence[Tile], key: str, width: int, chosen: int = 0, choose: Callable[[int], None] | None = None
) -> None:
    """The tiles, each `width` pixels wide. With `choose`, each has a button that calls it with the tile's number, and
    of very many those about the `chosen` one are drawn; without, some in even steps."""
    shown = list(range(len(tiles)))
    if len(tiles) > MOST and choose is None:
        shown = [round(step * (len(tiles) - 1) / (MOST - 1)) for step in range(MOST)]
    elif len(tiles) > MOST:
        first = min(max(0, chosen - MOST // 2), len(tiles) - MOST)
        shown = shown[first : first + MOST]
    with st.container(horizontal=True, wrap=False, gap="small", key=f"strip_{key}"):
        for number in shown:
            tile = tiles[number]
            with st.container(width=width, gap="xsmall"):
                st.image(tile.draw(), width=width, output_format="JPEG", alt=tile.alt)
                if choose is None:
                    st.caption(tile.label)
                else:
                    st.button(
                        tile.label,
                        key=f"{key}_{number}",
                        type="primary" if number == chosen else "secondary",
                        width="stretch",
                        help=f"Show {tile.alt}",
                        on_click=choose,
                        args=(number,),
                    )
    if len(tiles) > MOST:
        which = "in even steps" if choose is None else "about the chosen one"
        st.caption(f"{MOST} of {len(tiles)} are drawn here, {which}.")
