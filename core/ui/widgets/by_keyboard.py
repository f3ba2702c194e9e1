"""What charts are clicked for, by keyboard: a head by its name, a patch by its row and column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ...answer import Head, TokenLayout
from ...charts.heads import head_name
from .head_finder import MANY, head_menu

NAME, ICON = "By keyboard", ":material/keyboard:"


def head_by_keyboard(heads: Sequence[Head], chosen: Head | None, choose: Callable[[Head], None], key: str) -> None:
    """A menu of the heads; nothing where there are so many that a finder stands above their map."""
    if len(heads) > MANY:
        return
    with st.popover(NAME, icon=ICON, type="tertiary", help="Choose a head without a click on its map."):
        _heads(heads, chosen, choose, key)


def head_and_patch_by_keyboard(
    heads: Sequence[Head],
    chosen: Head | None,
    choose: Callable[[Head], None],
    layout: TokenLayout,
    image: int,
    toggle: Callable[[int], None],
    key: str,
) -> None:
    """The same, and the patches of the picture that is shown: `toggle` is called with a position."""
    views = [view for view in layout.views if image in view.images]
    with st.popover(NAME, icon=ICON, type="tertiary", help="Choose a head or a patch without a click on its map."):
        if len(heads) <= MANY:
            _heads(heads, chosen, choose, key)
        if not views:
            return
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
        st.button("Select this patch, or let go of it", key=f"{key}_patch", on_click=toggle, args=(position,))


def _heads(heads: Sequence[Head], chosen: Head | None, choose: Callable[[Head], None], key: str) -> None:
    head_menu({head: head_name(head) for head in heads}, chosen, choose, f"{key}_head", "Head", placeholder="L2 H0")
