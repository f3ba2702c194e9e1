"""Layer by head: a cell for each head, and beside it the heads in order."""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...attention.measures import by_key, measured, ranked
from ...charts.heads import head_map, head_name, map_width, ranked_heads
from ..widgets.by_keyboard import head_and_patch_by_keyboard
from ..widgets.clicks import Entry, clickable
from ..widgets.head_finder import head_finder, window
from ..widgets.layers import greyed
from .subject import Subject
from .view import AttentionView

WIDTH = 575
MAP = 270
MOST_RANKED = 14


def attention_heads_panel(view: AttentionView, subject: Subject) -> Float[np.ndarray, "layers heads"]:
    """Both charts; a click on either chooses the head, the same again lets it go. Returns the chosen measure."""
    values = measured(subject.rows, subject.answer.layout, view.measure, view.patches)
    measure = by_key(view.measure)
    if not np.isfinite(values).any():
        st.info(
            f"No head looks at what its {measure.name} is measured over, so there are no heads to compare. Choose "
            "another measure.",
            icon=":material/visibility_off:",
        )
        return values

    def clicked(entry: Entry) -> None:
        view.choose((int(entry["layer"]), int(entry["head"])))

    number = "{:.1%}" if measure.share else "{:.3f}"
    ranking = head_finder(ranked(values, values.size), view.head, view.choose, key="attention", figure=number.format)
    with st.container(horizontal=True, gap="small"):
        with st.container(width=max(365, map_width(values.shape, MAP))):
            chart = head_map(
                values,
                name=measure.name,
                share=measure.share,
                chosen=view.head,
                without=subject.rows.without,
                click="cell",
                size=MAP,
            )
            clickable(chart, "cell", "attention_heads", clicked, f"{measure.name} of every head, layer by layer")
        with st.container(width=190):
            order = window(ranking, view.head, MOST_RANKED)
            bars = ranked_heads(order, name=measure.name, share=measure.share, chosen=view.head, click="bar", width=125)
            clickable(bars, "bar", "attention_ranked", clicked, f"the heads with the most {measure.name}")
    hint = "Click a cell or a bar to see where that head looks" if view.head is None else "Click it again for all heads"
    st.caption(
        f"{measure.name.capitalize()} of each head{subject.said()}. Layers and heads count from 0; {hint.lower()} "
        f"(now: {head_name(view.head)}).{greyed(subject.rows.without, kept=subject.held.every_layer)}"
    )
    heads = sorted(head for head, _ in ranking)
    head_and_patch_by_keyboard(
        heads, view.head, view.choose, subject.answer.layout, subject.image, view.toggle, "attention_keys"
    )
    return values
