"""Each pinned answer as a column: what it is, what of it is compared, and what can be computed about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...answer import Answer, Question, Target
from ...charts.overlays import fit
from ...charts.tokens import cut, visible
from ...errors import NotComparable
from ...masking import as_seen
from ...vlm.model import VisionLanguageModel
from ..state.pin import Pin
from ..state.pins import alive, change, put_first, unpin
from ..state.workspace import Workspace
from ..widgets.asked import in_words
from ..widgets.chips import escaped
from .loading import load_it
from .targets import named, own_target, spelled, target_beside, whole, word_of

WIDTHS = (310, 310, 250, 240)
"""Pixels of a column among one, two, three, four: two stand in a row in a window of 1024, and four in one of 1440."""
PICTURE = 110
LONGEST = 90


@dataclass(frozen=True, eq=False)
class Column:
    """A pinned answer among others. `target` is the part of it that is compared, or None, and then `why` says why
    there is none. `model` can compute about it; without one `needs` says what is missing. `image` is the picture of it
    that is drawn."""

    pin: Pin
    number: int
    target: Target | None
    why: str
    model: VisionLanguageModel | None
    needs: str | None
    image: int

    @property
    def answer(self) -> Answer:
        return self.pin.answer

    @property
    def name(self) -> str:
        """Its target in words."""
        return "" if self.target is None else named(self.answer, self.target, self.model)


def columns_of(workspace: Workspace) -> list[Column]:
    """The pinned answers in their order."""
    columns = []
    for number, pin in enumerate(workspace.pins):
        pin, model, needs = alive(workspace, pin)
        target, why = None, ""
        try:
            target = target_beside(workspace.pins[0], pin)
        except NotComparable as error:
            why = str(error)
        columns.append(Column(pin, number, target, why, model, needs, shown_image(pin.answer.question)))
    return columns


def shown_image(question: Question) -> int:
    """The picture that is drawn of a question with several: the first of which something is hidden, or else the last;
    of a video the first frame."""
    if question.masks:
        return min(mask.image for mask in question.masks)
    last = max(0, len(question.images) - 1)
    return next((clip.first for clip in question.clips if last in clip.images), last)


def width_of(columns: list[Column]) -> int:
    """Pixels that each column has."""
    return WIDTHS[min(len(columns), len(WIDTHS)) - 1]


def draw_columns(workspace: Workspace, columns: list[Column]) -> list[DeltaGenerator]:
    """What each column is, beside each other as far as there is room. Returns the place below each."""
    places = []
    width = width_of(columns)
    with st.container(horizontal=True, gap="medium", key="beside_columns"):
        for column in columns:
            with st.container(width=width, gap="xsmall", key=f"beside_column_{column.number}"):
                _head(workspace, columns, column)
                places.append(st.container(gap="xsmall"))
    return places


def _head(workspace: Workspace, columns: list[Column], column: Column) -> None:
    pin, answer = column.pin, column.answer
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(f"**{column.number + 1}**", width="content")
        if column.number:
            st.button(
                "Put first",
                key=f"first_{pin.id}",
                type="tertiary",
                icon=":material/first_page:",
                help="The others are compared with the first.",
                on_click=put_first,
                args=(workspace, pin.id),
            )
        st.button(
            "Unpin",
            key=f"unpin_{pin.id}",
            type="tertiary",
            icon=":material/keep_off:",
            on_click=unpin,
            args=(workspace, pin.id),
        )
    with st.container(horizontal=True, gap="small", vertical_alignment="top", key=f"beside_said_{column.number}"):
        images = as_seen(answer.question)
        if images:
            image = images[column.image].convert("RGB")
            with st.container(width=PICTURE):
                st.image(image.resize(fit(image.size, PICTURE)), alt="the picture that was asked about")
        with st.container(width="stretch", gap="xsmall"):
            st.text(_short(in_words(answer.question)))
            st.text(f"→ {_short(answer.text) or '(no word)'}")
    about = [escaped(part) for part in (pin.label, pin.model) if part]
    st.caption(" · ".join(about))
    _target_choice(workspace, columns[0].pin, column)
    if column.why:
        st.text(column.why)
    if column.needs is not None:
        st.caption(f":material/info: {escaped(column.needs)}")
        load_it(workspace, pin)


def _short(text: str) -> str:
    return cut(" ".join(text.split()), LONGEST)


def _target_choice(workspace: Workspace, first: Pin, column: Column) -> None:
    """The part of the answer that is compared: of the first, what it was pinned with or any word; of another one, the
    word that stands for it."""
    pin, answer = column.pin, column.answer
    words = list(answer.words())
    if column.number and whole(first):
        st.caption(f"Target: {escaped(column.name)}")
        return
    if column.number:
        options = [Target(word) for word in words]
        present = Target(word_of(first, pin)) if words else None
    else:
        present = own_target(pin)
        pinned = pin.target or own_target(Pin("", answer, ""))
        options = [pinned, *(Target(word) for word in words if Target(word) != pinned)]
        if present not in options:
            options.append(present)
    if len(options) < 2 or present not in options:
        st.caption(f"Target: {escaped(column.name)}")
        return
    key = f"beside_target_{pin.id[:12]}_{first.id[:12]}_{len(options)}"
    st.session_state[key] = options.index(present)

    def chosen() -> None:
        change(workspace, pin, chosen=options[st.session_state[key]])

    name = partial(named, model=column.model)
    st.selectbox(
        "Target" if column.number == 0 else "Compared at",
        range(len(options)),
        format_func=lambda number: (
            name(answer, options[number]) if not column.number else visible(spelled(answer, words[number]).strip())
        ),
        key=key,
        on_change=chosen,
        help=None if column.number else "The others are compared at the same word, or the one that stands for it.",
    )
