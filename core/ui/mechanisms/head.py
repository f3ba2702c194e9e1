"""What one head says, and what it reads where it looks most, in the vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...answer import Alternative, Answer, Head, TokenKind
from ...charts.heads import head_name
from ...charts.tokens import alternatives_chart, visible
from ...mechanisms.vocabulary import HeadReading, read_heads
from ...runs.kinds import HEAD_READING
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.places import place_of
from ..widgets.scripts import Made, copy_script
from .subject import Subject
from .view import HEAD_READINGS, MechanismsView
from .written import contributed_to

WIDTH = 312


def head_panel(
    view: MechanismsView, model: VisionLanguageModel, answer: Answer, subject: Subject, chosen: Head
) -> None:
    """Three readings beside each other: the contribution, the value and the input of the head's first source."""

    def make(cancel: CancelToken, report: Report) -> HeadReading:
        written = contributed_to(view, model, answer, subject, cancel)
        (reading,) = read_heads(model, answer, written, [chosen], cancel=cancel)
        return reading

    key = ("reading", subject.key, chosen)
    reading = view.obtain(model, HEAD_READINGS, key, "reading the head in the vocabulary", "reading", make)
    if reading is None:
        return
    st.markdown(f"**What {head_name(chosen)} says in the vocabulary**")
    own = reading.source == subject.token_targets[0].position(answer)
    at = "the predicting position itself" if own else _place(answer, reading.source)
    with st.container(horizontal=True, gap="medium"):
        _words("contribution: all it adds here", reading.contribution, subject)
        _words("value: what it takes from its first source", reading.value, subject)
        _words("input: what stands at that source", reading.input, subject)
    folded(
        f"The source is where the head looks most: {escaped(at)}.",
        "Contribution and value are what these summands alone make of the final state's logits. The input is the "
        "residual stream that enters the layer at the source, of which the head makes both its key and its value, read "
        "by the logit lens. Small summands are spread over many words.",
    )
    copy_script(answer, Made(HEAD_READING, reading, {"token_targets": subject.token_targets}))


def _words(title: str, words: Sequence[Alternative], subject: Subject) -> None:
    ids = [word.id for word in words]
    asked = subject.token_targets[0].token
    with st.container(width=WIDTH):
        st.caption(title.capitalize())
        chart = alternatives_chart(
            [word.text for word in words],
            [word.logprob for word in words],
            ids.index(asked) if asked in ids else None,
            whole=False,
        )
        st.altair_chart(chart, alt=f"{title}: its most probable words")


def _place(answer: Answer, position: int) -> str:
    if answer.layout.kinds[position] is TokenKind.IMAGE:
        placed = answer.layout.box(position) is not None
        return f"{'patch' if placed else 'image token'} {place_of(answer, position)}"
    return f"“{visible(answer.labels[position])}” (position {position + 1})"
