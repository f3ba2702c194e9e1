"""One head of very many: by its rank, by its layer, by its name, and from key to key."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from ...answer import Head
from ...charts.heads import head_name

Figure = TypeVar("Figure")
MANY = 100
"""Heads from which on a cell of their map is too small to be found by its place alone."""


def head_finder(
    ranking: Sequence[tuple[Head, Figure]],
    chosen: Head | None,
    choose: Callable[[Head], None],
    *,
    key: str,
    figure: Callable[[Figure], str],
    width: int = 215,
) -> Sequence[tuple[Head, Figure]]:
    """Controls for a ranking of more than `MANY` heads, and what of it they leave: that of one layer, or all.

    A menu, of so many pixels, has every head in its order and finds one by what is typed; buttons, and the keys N and
    P, go to the next and the one before. `choose` is called with the head; `figure` writes its value.
    """
    if len(ranking) <= MANY:
        return ranking
    layers = sorted({head[0] for head, _ in ranking})
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        layer = st.selectbox(
            "Of layer",
            [None, *layers],
            format_func=lambda layer: "all" if layer is None else str(layer),
            key=f"{key}_of_layer_{len(layers)}",
            persist_state="session",
            width=95,
        )
        left = [(head, value) for head, value in ranking if layer is None or head[0] == layer]
        head_menu(
            {head: f"{head_name(head)} · {figure(value)}" for head, value in left},
            chosen,
            choose,
            f"{key}_find",
            "Find a head",
            placeholder="L14 H3",
            help="All heads in their order. Type a name, such as L14 H3, to find one.",
            width=width,
        )
        heads = [head for head, _ in left]
        place = heads.index(chosen) if chosen in heads else None
        before, after = (None, 0) if place is None else (place - 1, place + 1)
        for name, icon, letter, number in (
            ("The head before", ":material/chevron_left:", "P", before),
            ("The next head", ":material/chevron_right:", "N", after),
        ):
            there = number is not None and 0 <= number < len(heads)
            st.button(
                " ",
                icon=icon,
                key=f"{key}_{letter}",
                shortcut=letter,
                help=f"{name} of the ranking (key {letter})",
                disabled=not there,
                on_click=partial(choose, heads[number]) if there and number is not None else None,
            )
    return left


def head_menu(
    names: Mapping[Head, str], chosen: Head | None, choose: Callable[[Head], None], key: str, label: str, **more: Any
) -> None:
    """A menu of heads by their names, which calls `choose` with the one that is picked. `more` is told to Streamlit."""
    # A menu with other entries is another menu.
    name = f"{key}_{zlib.crc32(repr(names).encode()):x}"

    def picked() -> None:
        if (head := st.session_state[name]) is not None:
            choose(head)

    st.session_state[name] = chosen if chosen in names else None
    st.selectbox(label, list(names), index=None, format_func=names.__getitem__, key=name, on_change=picked, **more)


def window(ranking: Sequence[tuple[Head, Figure]], chosen: Head | None, most: int) -> Sequence[tuple[Head, Figure]]:
    """The `most` heads of a ranking to draw: the first, and of a long one those among which the chosen is."""
    place = next((place for place, (head, _) in enumerate(ranking) if head == chosen), 0)
    first = most * (place // most) if len(ranking) > MANY else 0
    return ranking[first : first + most]
