"""What charts are clicked for, by keyboard: a head by name, a patch by row and column, a layer, a cut, a word."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import streamlit as st

from ...answer import Head, TokenLayout
from ...charts.heads import head_name
from .head_finder import MANY, head_menu

Option = TypeVar("Option", bound=Hashable)
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
        st.button("Select this patch, or unselect it", key=f"{key}_patch", on_click=toggle, args=(position,))


def one_by_keyboard(
    label: str,
    options: Sequence[Option],
    chosen: Option | None,
    choose: Callable[[Option], None],
    key: str,
    said: Callable[[Option], str] = str,
) -> None:
    """A menu of whatever else a click on a figure chooses. `said` names an option, and `choose` is what the click on
    it does."""
    with st.popover(NAME, icon=ICON, type="tertiary", help="Choose without a click on the figure."):
        _menu(label, options, chosen, choose, key, said)


def _heads(heads: Sequence[Head], chosen: Head | None, choose: Callable[[Head], None], key: str) -> None:
    head_menu({head: head_name(head) for head in heads}, chosen, choose, f"{key}_head", "Head", placeholder="L2 H0")


def _menu(
    label: str,
    options: Sequence[Option],
    chosen: Option | None,
    choose: Callable[[Option], None],
    key: str,
    said: Callable[[Option], str],
) -> None:
    def picked() -> None:
        if (option := st.session_state[key]) is not None:
            choose(option)

    st.session_state[key] = chosen if chosen in options else None
    st.selectbox(
        label, list(options), index=None, format_func=said, key=key, on_change=picked, placeholder=said(options[0])
    )
