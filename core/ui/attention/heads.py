"""Layer by head: a cell for each head, where the chosen one looks, and the heads in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...attention.measures import by_key, ranked
from ...charts.heads import head_map, head_name
from ..widgets.by_keyboard import head_by_keyboard, patch_by_keyboard
from ..widgets.head_figures import MAP, head_figures
from ..widgets.layers import greyed
from ..widgets.taken_charts import save_chart
from .subject import Subject, figures_of
from .view import AttentionView


def attention_heads_panel(
    view: AttentionView, subject: Subject, picture: Callable[[], None]
) -> Float[np.ndarray, "layers heads"]:
    """Both charts, and where the chosen head looks; a click on either chooses the head, the same again lets it go.
    Returns the chosen measure."""
    values = figures_of(view, subject)
    measure = by_key(view.measure)
    if not np.isfinite(values).any():
        st.info(
            f"No head looks at what its {measure.name} is measured over, so there are no heads to compare. Choose "
            "another measure.",
            icon=":material/visibility_off:",
        )
        picture()
        return values

    def said() -> None:
        rows = [{"layer": head[0], "head": head[1], measure.name: figure} for head, figure in sorted(ranking)]
        draw = partial(head_map, values, name=measure.name, share=measure.share, without=subject.rows.without, size=MAP)
        save_chart(draw, f"heads-{view.measure}", "save_attention_heads", rows)
        hint = "Click a cell or a bar to see where that head looks" if view.head is None else "Click it again for all"
        st.caption(
            f"{measure.name.capitalize()} of each head{subject.said()}. Layers and heads count from 0; {hint.lower()} "
            f"(now: {head_name(view.head)}).{greyed(subject.rows.without, kept=subject.held.every_layer)}"
        )

    ranking = ranked(values, values.size)
    head_figures(
        values,
        ranking,
        view.head,
        name=measure.name,
        choose=view.choose,
        keys=("attention_heads", "attention_ranked"),
        key="attention",
        figure=("{:.1%}" if measure.share else "{:.3f}").format,
        share=measure.share,
        without=subject.rows.without,
        below=said,
        picture=picture,
    )
    with st.container(horizontal=True, gap="small"):
        head_by_keyboard(sorted(head for head, _ in ranking), view.head, view.choose, "attention_keys")
        patch_by_keyboard(subject.answer.layout, subject.image, view.toggle, "attention_keys")
    return values
