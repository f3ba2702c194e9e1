"""Figures by position: laid over the picture, on the words, summed by parts of the sequence, and as files."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Explanation, Target
from ...charts.export import Legend, png_map
from ...charts.heatmap import Scale, heatmap, scale_of
from ...charts.words import words_chart
from ...maps.difference import image_positions_of
from ...maps.files import record_json
from ...maps.shares import Part, parts
from ...masking import as_seen
from ..state.workspace import Workspace
from ..widgets.closer import closer_button
from ..widgets.map_downloads import asked_notes, drawn_over, file_name, number_downloads
from ..widgets.scored_words import TALL, scored_tokens
from ..widgets.seen import seen_button

WIDTH, SIZE, WORDS = 475, 390, 640
NAMES = {
    Part.IMAGE: "image tokens",
    Part.QUESTION: "words of the question",
    Part.EARLIER: "of the answer so far",
    Part.TEMPLATE: "template",
    Part.OWN: "the predicting position itself",
}


def image_scale(answer: Answer, values: Float[np.ndarray, "position"], *, signed: bool, faintest: float) -> Scale:
    """The scale of the values on the pictures."""
    return scale_of(values[image_positions_of(answer.layout)], signed=signed, faintest=faintest)


def picture_map(
    workspace: Workspace,
    answer: Answer,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    *,
    label: str,
    description: str,
    key: str,
    opacity: float = 0.6,
    size: int = SIZE,
) -> None:
    """The values over the picture that is shown, as the model saw it, its longer side at `size` pixels. No two of a
    page have the same `key`."""
    draw = partial(
        heatmap,
        as_seen(answer.question),
        answer.layout,
        values,
        scale=scale,
        opacity=opacity,
        only=(workspace.shown_image,),
        label=label,
        drawing=workspace.drawing,
        legend="bottom",
    )
    st.altair_chart(draw(size=size), width="content", alt=description)
    with st.container(horizontal=True, gap="small"):
        seen_button(answer, workspace.shown_image, key)
        closer_button(answer.layout, workspace.shown_image, key, lambda size: draw(size=size, zoom=True))


def coloured_words(
    answer: Answer,
    target: Target,
    values: Float[np.ndarray, "position"],
    *,
    unit: str,
    description: str,
    key: str,
    signed: bool,
    faintest: float,
) -> None:
    """The values on the words of question and answer, on a scale of their own. No two of a page have the same `key`."""
    chips = scored_tokens(answer, target, values, parts(answer.layout, target))
    known = np.array([chip.score for chip in chips if chip.score is not None])
    with st.container(height=260 if len(chips) > TALL else "content", border=False, key=f"wide_{key}"):
        chart = words_chart(chips, WORDS, scale_of(known, signed=signed, faintest=faintest))
        st.altair_chart(chart, width="content", alt=description)
    st.caption(
        f"Colours on the words' own scale, up to {np.nanmax(np.abs(known), initial=0.0):.3g} {unit}. Hover over a word "
        "for its figure. Dashed words have none: the position that predicts the target, and what comes after it."
    )


def sums(answer: Answer, target: Target, values: Float[np.ndarray, "position"]) -> str:
    """What each part of the sequence adds in all, in a sentence: most is often at the predicting position itself."""
    places = parts(answer.layout, target)
    told = [f"{NAMES[part]} {np.nansum(values[list(places[part])]):+z.3f}" for part in NAMES if places[part]]
    return f"Sums: {', '.join(told)}."


def save_map(
    answer: Answer,
    explanation: Explanation,
    scale: Scale,
    opacity: float,
    title: str,
    caveat: str,
    whose: str,
    key: str,
    image: int,
) -> None:
    """A popover with the map as a picture, under its title, and with its numbers, where picture number `image` is on
    screen."""
    name = file_name(explanation.method, whose)
    with st.popover("Save", icon=":material/download:", type="tertiary"):
        if answer.layout.views:
            notes = (
                *asked_notes(answer),
                caveat,
            )
            over = drawn_over(answer, image)
            under = Legend(over.titled(title), notes, record_json(answer, [explanation]))
            values = explanation.scores.numpy()
            png = partial(png_map, as_seen(answer.question), answer.layout, values, scale, opacity, under, over.only)
            st.download_button("Picture (PNG)", png, f"{over.named(name)}.png", "image/png", key, on_click="ignore")
        number_downloads(answer, (explanation,), name, key)
