"""All heads of a layer as small pictures, in the order of a measure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...attention.measures import by_key
from ...attention.words import where_heads_look
from ...charts.heads import SmallImage, gallery
from ...charts.heat_images import heat_images
from ...charts.heatmap import scale_of
from ..widgets.clicks import Entry, clickable
from ..widgets.layers import without_rows
from ..widgets.pages import page_of
from ..widgets.scripts import copy_script
from .made import rows_made
from .subject import Subject
from .view import AttentionView

SIZE = 101
WIDTH = 664
"""Pixels: six small pictures in a line, which a window of 1024 has room for."""
PAGE = 18
"""Small pictures at a time."""
OWN, COMMON = "each its own", "one for all"
BY_NUMBER = "head number"


def head_gallery(view: AttentionView, subject: Subject, figures: Float[np.ndarray, "layers heads"]) -> None:
    """One picture for each head, with its figure; a click chooses the head above."""
    measure = by_key(view.measure)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        layer_choice(view, subject.rows.layers)
        orders = [measure.name, BY_NUMBER]
        order = st.segmented_control(
            "Order",
            orders,
            default=orders[0],
            required=True,
            key=f"attention_order_{measure.key}",
            persist_state="session",
            wrap=True,
        )
        scale = st.segmented_control(
            "Colours",
            [OWN, COMMON],
            default=OWN,
            required=True,
            key="attention_scale",
            persist_state="session",
            wrap=True,
        )
    if view.layer in subject.rows.without:
        st.info(without_rows(view.layer, subject.rows), icon=":material/blur_off:")
        return
    values = figures[view.layer]
    looks = where_heads_look(subject.rows, view.layer)
    answer = subject.answer
    patches = [position for shown in answer.layout.views for position in shown.positions]
    heads: Sequence[int] = range(len(values))
    if order != BY_NUMBER:
        heads = sorted(heads, key=lambda head: -values[head] if np.isfinite(values[head]) else np.inf)
    number = "{:.0%}" if measure.share else "{:.2f}"
    heads = page_of(heads, PAGE, "attention_gallery_page", of_the_run=True)
    drawn = heat_images(
        answer.question.images,
        answer.layout,
        [looks[head] for head in heads],
        size=SIZE,
        scales=[scale_of(looks[:, patches])] * len(heads) if scale == COMMON else None,
        opacity=view.opacity,
        only=(subject.image,),
    )
    images = [
        SmallImage(image, f"head {head} · {number.format(values[head])}", (view.layer, head))
        for head, image in zip(heads, drawn, strict=True)
    ]

    def clicked(entry: Entry) -> None:
        view.choose((int(entry["layer"]), int(entry["head"])))

    chart = gallery(images, width=WIDTH, chosen=view.head, click="small")
    clickable(chart, "small", "attention_gallery", clicked, f"where each head of layer {view.layer} looks")
    about: dict[str, object] = {"view": "gallery", "layer": view.layer, "heads": tuple(heads), "measure": measure.key}
    about |= {"common": scale == COMMON, "image": subject.image, "opacity": view.opacity}
    if measure.key == "patches":
        about["patches"] = view.patches
    copy_script(answer, partial(rows_made, view, subject, about), "attention_gallery")
    st.caption(
        f"Layer {view.layer}, with each head's {measure.name}{subject.said()}. Colours: {scale}. With its own colours "
        "every head has a brightest patch, also one that hardly looks at the picture: read the figures too."
    )


def layer_choice(view: AttentionView, layers: int) -> None:
    """The layer that is looked into; choosing a head above chooses its layer."""

    if layers == 1:
        return

    def chosen() -> None:
        view.layer = int(st.session_state["attention_layer"])

    st.session_state["attention_layer"] = view.layer
    st.number_input("Layer", 0, layers - 1, key="attention_layer", on_change=chosen, width=150)
