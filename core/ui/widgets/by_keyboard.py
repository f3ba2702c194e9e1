"""What charts are clicked for, by keyboard: a head by its name, its rank or its layer, a patch by row and column, a
layer, a frame, a cut, a word.

A click and its menu call the same function. Menus stand folded beside their chart. Of more than `MANY` heads a cell is
too small to be found by its place alone, so that their menu stands open above the map for everybody.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from ...answer import Head, TokenLayout
from ...charts.heads import head_name

Option = TypeVar("Option", bound=Hashable)
Figure = TypeVar("Figure")
NAME, ICON = "By keyboard", ":material/keyboard:"
MANY = 100
"""Heads from which on they have a finder."""


def one_by_keyboard(
    label: str,
    options: Sequence[Option],
    chosen: Option | None,
    choose: Callable[[Option], None],
    key: str,
    said: Callable[[Option], str] = str,
) -> None:
    """A folded menu of what a click on a figure chooses. `said` names an option, and `choose` is what the click on it
    does."""
    with st.popover(NAME, icon=ICON, type="tertiary", help="Choose without a click on the figure."):
        _menu({option: said(option) for option in options}, chosen, choose, key, label)


def head_by_keyboard(heads: Sequence[Head], chosen: Head | None, choose: Callable[[Head], None], key: str) -> None:
    """A folded menu of heads; nothing where there are so many that a finder stands above their map."""
    if len(heads) <= MANY:
        one_by_keyboard("Head", heads, chosen, choose, f"{key}_head", head_name)


def patch_by_keyboard(layout: TokenLayout, image: int, toggle: Callable[[int], None], key: str) -> None:
    """Row and column of a patch of the picture that is shown, folded: `toggle` is called with its position. Nothing
    where no patch has a place there."""
    views = [view for view in layout.views if image in view.images]
    if not views:
        return
    with st.popover("Patch by keyboard", icon=ICON, type="tertiary", help="Choose a patch without a click on it."):
        number = 0
        if len(views) > 1:
            number = st.selectbox(
                "Part of the picture", range(len(views)), format_func=lambda n: views[n].name, key=f"{key}_part"
            )
        view = views[number]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            row = st.number_input("Row", 1, view.rows, key=f"{key}_row_{number}_{view.rows}", width=120)
            column = st.number_input("Column", 1, view.columns, key=f"{key}_column_{number}_{view.columns}", width=120)
        position = view.positions[(int(row) - 1) * view.columns + int(column) - 1]
        st.button("Select this patch, or unselect it", key=f"{key}_patch", on_click=toggle, args=(position,))


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
        _menu(
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


def window(ranking: Sequence[tuple[Head, Figure]], chosen: Head | None, most: int) -> Sequence[tuple[Head, Figure]]:
    """The `most` heads of a ranking to draw: the first, and of a long one those among which the chosen is."""
    place = next((place for place, (head, _) in enumerate(ranking) if head == chosen), 0)
    first = most * (place // most) if len(ranking) > MANY else 0
    return ranking[first : first + most]


def _menu(
    names: Mapping[Option, str],
    chosen: Option | None,
    choose: Callable[[Option], None],
    key: str,
    label: str,
    **more: Any,
) -> None:
    """A menu by name, which calls `choose` with the option that is picked. `more` is told to Streamlit."""
    # A menu with other entries is another menu.
    name = f"{key}_{zlib.crc32(repr(names).encode()):x}"

    def picked() -> None:
        if (option := st.session_state[name]) is not None:
            choose(option)

    st.session_state[name] = chosen if chosen in names else None
    more.setdefault("placeholder", next(iter(names.values()), ""))
    st.selectbox(label, list(names), index=None, format_func=names.__getitem__, key=name, on_change=picked, **more)
