"""The picture as the model sees it, one click from every map: what a crop cuts off, tiles, padding, and the grid of
image tokens over it."""

from __future__ import annotations

import streamlit as st

from ...answer import Answer
from ...charts.seen import seen_chart, view_image
from ...geometry import crop_note, image_name, percent, share_seen, shrink_note, view_in_words
from ...masking import as_seen
from .chips import escaped
from .places import why_no_places

SIZE, VIEW = 560, 220
"""Longer side in pixels of the whole picture, and of each of its views."""
MOST_VIEWS = 24


def seen_button(answer: Answer, image: int, key: str, label: str = "What it sees") -> None:
    """A button that opens one picture as the model sees it; nothing for a question without pictures. `key` is that of
    the map beside it."""
    if not answer.question.images:
        return
    clicked = st.button(
        label,
        key=f"seen_{key}",
        type="tertiary",
        icon=":material/crop_free:",
        help="The picture as the model sees it: cropped, cut, padded or resized, with its grid of image tokens.",
    )
    if clicked:
        _dialog(answer, image)


def seen_notes(answer: Answer, image: int) -> None:
    """What must be said of one picture of an answer before anything drawn over it is read; mostly nothing."""
    if not answer.question.images:
        return
    several = len(answer.question.images) > 1
    clips = answer.question.clips
    shrunk = shrink_note(answer.question.images[image], image if several else None, clips)
    cropped = crop_note(answer.layout, image, clips)
    for icon, note in ((":material/photo_size_select_large:", shrunk), (":material/crop:", cropped)):
        if note is not None:
            st.caption(f"{icon} {note}")


@st.dialog("The picture as the model sees it", width="large")
def _dialog(answer: Answer, image: int) -> None:
    images, layout = as_seen(answer.question), answer.layout
    views = [view for view in layout.views if image in view.images]
    width, height = layout.image_sizes[image]
    name = image_name(answer.question, image)
    number = f"{name[0].upper()}{name[1:]}: " if len(images) > 1 else ""
    st.text(f"{number}{width} × {height} px{', with what is hidden in it' if answer.question.masks else ''}")
    seen_notes(answer, image)
    share = share_seen(layout, image)
    if share is None:
        st.info(
            f"{why_no_places(answer)}, so it is not known either whether it sees the whole of it.",
            icon=":material/grid_off:",
        )
        return
    st.altair_chart(
        seen_chart(images, layout, image, SIZE), width="content", alt="the grid of image tokens over the whole picture"
    )
    st.caption(
        f"{percent(share)} of the picture is seen. Each cell is an image token"
        f"{'; what is greyed out never reaches the model' if share < 1 else ''}."
    )
    st.markdown("**As the vision tower gets it**" if len(views) == 1 else f"**As {len(views)} views**")
    with st.container(horizontal=True, gap="medium"):
        for view in views[:MOST_VIEWS]:
            with st.container(width=VIEW):
                st.image(view_image(images[image], view, VIEW), alt=f"{view.name} as the vision tower gets it")
                st.caption(f"{escaped(view.name)}: {view_in_words(view, layout)}")
    if len(views) > MOST_VIEWS:
        st.caption(f"And {len(views) - MOST_VIEWS} more.")
