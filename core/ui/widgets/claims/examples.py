"""Answers that were measured, beside each other: picture with its map, question, answer, figures, and a way in."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from PIL import Image

from ....answer import Question
from ....charts.explained import explained_thumbnail
from ....charts.heat_images import heat_image
from ....charts.heatmap import scale_of
from ....charts.overlays import fit
from ....charts.shares import shares_chart
from ....charts.tokens import cut
from ....claims.claim import Example
from ....explainers.registry import explainers
from ....maps.difference import image_positions_of
from ....maps.shares import parts, shares
from ...state.scenes import image_of
from ...state.workspace import NamedImage, Workspace
from ..chips import escaped
from ..opening import open_in

SIZE = 236
OPACITY = 0.45
LONGEST = 300
TO_OPEN = " “Open in” shows them with figures."


def example_cards(workspace: Workspace, examples: Sequence[Example], key: str, *, opens: bool = True) -> None:
    """A card for each example; cards wrap where the page is narrow. `opens`: the page's model gave the answers, so they
    can be looked into."""
    with st.container(horizontal=True, gap="medium"):
        for number, example in enumerate(examples):
            with st.container(width=SIZE + 4, gap="xsmall"):
                st.markdown(f"**{escaped(example.title)}**")
                _image(example)
                st.text(cut(example.answer.question.text, LONGEST))
                st.text(f"→ {cut(example.answer.text, LONGEST)}")
                for note in example.notes:
                    st.caption(escaped(note))
                if opens:
                    open_in(workspace, example.answer, example.target, _asked_about(example), f"{key}_{number}")
    methods = {example.map.method for example in examples if example.map is not None}
    if methods:
        names = ", ".join(explainers()[method].name for method in methods)
        st.caption(f"Maps: {escaped(names)} of the key word, each on its own scale.{TO_OPEN if opens else ''}")


def _image(example: Example) -> None:
    question, layout = example.answer.question, example.answer.layout
    if not question.images:
        st.caption(":material/image_not_supported: Asked without a picture.")
    elif example.marked and layout.views:
        st.image(
            explained_thumbnail(question.images, layout, example.marked, 99, size=SIZE),
            alt="the patches that are outlined",
        )
    elif example.map is not None and layout.views:
        values = example.map.scores.double().numpy()
        scale = scale_of(values[image_positions_of(layout)], signed=explainers()[example.map.method].signed)
        drawn = heat_image(question.images, layout, values, size=SIZE, scale=scale, opacity=OPACITY)
        st.image(drawn, alt=f"map of the key word, {example.title}")
    else:
        st.image(_seen(question), alt="the picture asked about")


def _seen(question: Question) -> Image.Image:
    image = question.images[-1]
    return image.convert("RGB").resize(fit(image.size, SIZE))


def _asked_about(example: Example) -> NamedImage | None:
    images = example.answer.question.images
    if example.recipe is not None:
        return image_of(example.recipe)
    return NamedImage(images[-1], example.title) if images else None


def image_against_text(examples: Sequence[Example]) -> None:
    """Bars of what each map has on the picture, the question and the earlier answer."""
    told = {}
    for example in examples:
        if example.map is not None:
            places = parts(example.answer.layout, example.target)
            told[example.title] = shares(example.map.scores.numpy(), places)
    if any(share.fraction is not None for one in told.values() for share in one):
        st.altair_chart(shares_chart(told), width="content", alt="image against text in each map")
        st.caption(
            "How much of each map is on the picture, the question and the earlier answer: as a sum, and for one token "
            "against the average token (dashed)."
        )
