"""A figure as large as the window: to be enlarged, moved, and read patch by patch."""

from __future__ import annotations

from collections.abc import Callable

import altair as alt
import streamlit as st

from ...answer import TokenLayout
from ...charts.many import MANY

SIZE = 760
"""Longer side in pixels of a picture in the dialog."""


def closer_button(layout: TokenLayout, image: int, key: str, draw: Callable[[int], alt.LayerChart]) -> None:
    """A button that opens a figure over one picture; nothing where its patches are few enough to be seen as they are.

    `draw` makes it with its longer side at so many pixels, with zoom; `key` is that of the figure on the page.
    """
    if sum(len(view.positions) for view in layout.views if view.image == image) <= MANY:
        return
    if st.button(
        "Look closer",
        key=f"closer_{key}",
        type="tertiary",
        icon=":material/zoom_in:",
        help="The figure as large as the window. The wheel enlarges what is under the pointer.",
    ):
        _dialog(draw)


@st.dialog("Look closer", width="large")
def _dialog(draw: Callable[[int], alt.LayerChart]) -> None:
    with st.container(key="wide_closer"):
        st.altair_chart(draw(SIZE), width="content", key="closer", alt="the figure, enlarged")
    st.caption(
        "The wheel enlarges what is under the pointer, dragging moves it, a double click brings back the whole. Hover "
        "over a patch for its figures."
    )
