"""Figures of heads on Mechanisms, where one head is always looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Head
from ...charts.heads import layers_without
from ..widgets.by_keyboard import head_by_keyboard
from ..widgets.head_figures import head_figures
from ..widgets.layers import greyed


def figured_heads(
    values: Float[np.ndarray, "layers heads"],
    ranking: Sequence[Head],
    chosen: Head,
    *,
    name: str,
    choose: Callable[[Head], None],
    keys: tuple[str, str],
    signed: bool = True,
    picture: Callable[[], None] | None = None,
) -> None:
    """Heads in the order of a ranking; those of layers without a figure have no attention."""
    without = layers_without(values)

    def below() -> None:
        if without:
            st.caption(greyed(without))

    head_figures(
        values,
        [(head, float(values[head])) for head in ranking],
        chosen,
        name=name,
        choose=choose,
        keys=keys,
        key=keys[0],
        signed=signed,
        without=without,
        below=below,
        picture=picture,
    )
    head_by_keyboard(sorted(ranking), chosen, choose, f"{keys[0]}_keys")
