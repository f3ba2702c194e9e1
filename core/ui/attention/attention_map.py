"""Where the chosen head looks on the picture, patch by patch; patches can be clicked."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from jaxtyping import Float

from ...answer import Answer, Question, TokenKind
from ...charts.export import Legend, png_map
from ...charts.heads import head_name
from ...charts.heatmap import heatmap, scale_of
from ...counted import counted
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.clicks import Entry, clickable
from ..widgets.closer import closer_button
from ..widgets.every_picture import every_picture
from ..widgets.head_figures import PICTURE
from ..widgets.map_downloads import asked_notes, drawn_over
from ..widgets.places import why_no_places
from ..widgets.scripts import Made, copy_script
from ..widgets.seen import seen_button
from .made import rows_made
from .subject import Subject, looks_of
from .view import AttentionView

CAVEAT = "Attention says where a head reads from, not what the answer rests on: test that by masking."


def attention_map_panel(workspace: Workspace, view: AttentionView, subject: Subject) -> None:
    """The picture with the heat of the chosen head, or the mean of all."""
    answer = subject.answer
    if not answer.layout.views:
        _without_places(answer)
        return
    looks = looks_of(view, subject)
    patches_chart(view, answer, looks, "attention_picture", PICTURE, subject.image)
    every_picture(workspace, answer, looks, "attention", opacity=view.opacity)
    on_image = float(np.nansum(looks[list(answer.layout.positions(TokenKind.IMAGE))]))
    head = "mean over all heads and layers" if view.head is None else f"layer {view.head[0]}, head {view.head[1]}"
    rows, several = len(subject.rows.queries), len(answer.question.images) > 1
    images = _all_images(answer.question) if several else "the picture"
    st.caption(
        f"Attention, {head} · {escaped(subject.label)} · {f'mean over {rows} tokens' if rows > 1 else '1 token'}"
        f"{subject.said()} · {on_image:.1%} lies on {images} · "
        f"{'from one pass over the finished answer' if subject.of_question else 'recorded while answering'}. {CAVEAT}"
    )
    with st.container(horizontal=True, gap="small"):
        if view.patches:
            st.button(
                f"Clear selection ({counted(len(view.patches), 'patch', 'patches')})",
                icon=":material/deselect:",
                on_click=partial(_clear, view),
            )
        if view.head is not None:
            st.button("All heads", icon=":material/select_all:", on_click=partial(_all_heads, view))
        if subject.of_question:
            st.button("Back to the target", icon=":material/undo:", on_click=partial(_no_word, view))
        seen_button(answer, subject.image, "attention")
        scale = scale_of(*[looks[list(shown.positions)] for shown in answer.layout.views])
        over = drawn_over(answer, subject.image)
        under = Legend(
            over.titled(f"Attention, {head}: {subject.label}"),
            (*asked_notes(answer), CAVEAT),
            "{}",
        )
        st.download_button(
            "PNG",
            partial(png_map, answer.question.images, answer.layout, looks, scale, view.opacity, under, over.only),
            over.named("attention-" + head_name(view.head).replace(" ", "-")) + ".png",
            "image/png",
            key="attention_png",
            on_click="ignore",
            icon=":material/download:",
        )
        copy_script(answer, partial(_made, view, answer, subject), "attention_map")


def _made(view: AttentionView, answer: Answer, subject: Subject) -> Made:
    """The rows that are shown, for their script."""
    return rows_made(view, subject, {} if view.head is None else {"head": view.head})


def _all_images(question: Question) -> str:
    """All that the model was shown, where that is more than a picture."""
    frames = sum(len(clip) for clip in question.clips)
    pictures = len(question.images) - frames
    parts = [f"{frames} frames"] * (frames > 0) + [f"{pictures} picture{'s' * (pictures > 1)}"] * (pictures > 0)
    return f"all {' and '.join(parts)}"


def patches_chart(
    view: AttentionView, answer: Answer, values: Float[np.ndarray, "position"], key: str, size: int, image: int
) -> None:
    """A heat map over one picture whose clicks select patches for the whole page."""
    draw = partial(
        heatmap,
        answer.question.images,
        answer.layout,
        values,
        opacity=view.opacity,
        selected=view.patches,
        only=(image,),
        label="attention",
        format=".3%",
        drawing=view.drawing,
        legend="bottom",
    )

    def clicked(entry: Entry) -> None:
        view.toggle(int(entry["position"]))

    chart = draw(size=size, click="patch")
    clickable(chart, "patch", key, clicked, "attention of every patch over the picture; click patches to select them")
    closer_button(answer.layout, image, key, lambda size: draw(size=size, zoom=True))


def _without_places(answer: Answer) -> None:
    if answer.question.images:
        st.info(
            f"{why_no_places(answer)}, so no heat map can be drawn. How much each head looks at the picture as a whole "
            "still holds, and so do words looking at words.",
            icon=":material/grid_off:",
        )
    else:
        st.info(
            "This answer was given without a picture. Heads can still be compared by what they give the question, the "
            "answer and the template, and words looking at words are below.",
            icon=":material/image_not_supported:",
        )


def _clear(view: AttentionView) -> None:
    view.patches = ()


def _all_heads(view: AttentionView) -> None:
    view.head = None


def _no_word(view: AttentionView) -> None:
    view.word = None
