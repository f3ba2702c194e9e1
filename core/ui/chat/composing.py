"""A question with its pictures among the words: a box for what stands before each of them, and one for the end.

Where a picture stands is told by which box words are typed into. Nothing that is typed means a picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ..state.workspace import NamedImage, Workspace
from ..widgets.asked import kind_of

LONGEST = 1000


def composer(workspace: Workspace) -> None:
    """The boxes, for the first question about the present pictures; later turns follow it in words alone."""
    images = workspace.images
    if not images or workspace.history():
        return
    place = st.expander("Pictures among the words", icon=":material/format_image_left:")
    with place.form("composed", border=False, clear_on_submit=True):
        parts = [
            st.text_input(_label(number, images), max_chars=LONGEST, key=f"composed_{len(images)}_{number}")
            for number in range(len(images) + 1)
        ]
        sent = st.form_submit_button("Ask this", icon=":material/send:")
    text, places = composed(parts)
    if sent and text:
        workspace.ask(text, places)


def _label(number: int, images: Sequence[NamedImage]) -> str:
    names = [f"{kind_of([image])} {place}" for place, image in enumerate(images, 1)]
    if number == len(names):
        return f"Words after {names[-1]}"
    return f"Words before {names[0]}" if number == 0 else f"Words between {names[number - 1]} and {names[number]}"


def composed(parts: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The text of a question and the place of each of its pictures in it, from what stands before each and after the
    last. Words on both sides of a picture are parted by a blank."""
    text, places = "", []
    for part in (part.strip() for part in parts):
        text += f" {part}" if text and part else part
        places.append(len(text))
    # A blank before the words after a picture belongs to what stands before it.
    places = [place + (text[place : place + 1] == " ") for place in places[:-1]]
    return text, tuple(places)
