"""Every token of the answer with its probability, and what the model weighed instead."""

from __future__ import annotations

import math

import streamlit as st

from core.answer import Answer, Target
from core.charts.tokens import alternatives_chart, visible
from core.ui.chips import chips_key, token_chips
from core.ui.state import Exchange, Workspace

UNIT = {"token": "this token", "word": "the whole word"}


def show(work: Workspace, exchange: Exchange, answer: Answer) -> None:
    """Chips, and for the chosen one its alternatives. What is chosen here is the target on every page."""
    token_chips(work, exchange, answer)
    st.caption(
        "The bluer, the more probable. Joined chips are one word: a token that begins with a blank begins a word, "
        "one that does not goes on with the former. Probabilities are the model's own, before temperature and top-p."
    )
    if work.target is None:
        st.info(
            "Click a token to see what the model weighed instead, and to make it the target.",
            icon=":material/ads_click:",
        )
        return
    index = _clicked(work, exchange)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _alternatives(answer, index)
    with right:
        _target(work, exchange, answer, index)


def _clicked(work: Workspace, exchange: Exchange) -> int:
    """The chip that is chosen: the widget's own choice, which a target of a whole word contains."""
    assert work.target is not None
    picked = st.session_state.get(chips_key(exchange))
    return picked if isinstance(picked, int) else work.target.tokens[0]


def _alternatives(answer: Answer, index: int) -> None:
    token = answer.tokens[index]
    texts = [alternative.text for alternative in token.alternatives]
    logprobs = [alternative.logprob for alternative in token.alternatives]
    ids = [alternative.id for alternative in token.alternatives]
    said = ids.index(token.id) if token.id in ids else None
    if said is None:
        texts, logprobs, said = [*texts, token.text], [*logprobs, token.logprob], len(texts)
    st.altair_chart(
        alternatives_chart(texts, logprobs, said),
        alt=f"probabilities of the {len(texts)} alternatives at token {index + 1}",
    )


def _target(work: Workspace, exchange: Exchange, answer: Answer, index: int) -> None:
    token = answer.tokens[index]
    word = next(group for group in answer.words() if index in group)
    with st.container(horizontal=True):
        st.metric("probability", f"{math.exp(token.logprob):.2%}")
        st.metric(
            "entropy", f"{token.entropy:.3f} nats", help="0: the model was certain. Higher: many tokens were possible."
        )
    st.caption(f"Token {index + 1} of {len(answer.tokens)}, id {token.id}, log-probability {token.logprob:.4f} nats")
    units = ["token", "word"] if len(word) > 1 else ["token"]
    unit = st.segmented_control(
        "Target",
        units,
        default="token",
        required=True,
        format_func=UNIT.__getitem__,
        key=f"unit_{exchange.serial}_{index}",
    )
    tokens = word if unit == "word" else (index,)
    rivals: tuple[int, ...] | None = None
    if unit != "word":
        others = [alternative for alternative in token.alternatives if alternative.id != token.id]
        rival = st.selectbox(
            "rather than",
            [None, *range(len(others))],
            format_func=lambda place: "anything else" if place is None else f"“{visible(others[place].text)}”",
            key=f"rival_{exchange.serial}_{index}",
            help="A contrast explains why the model said this rather than one particular other token.",
        )
        if rival is not None:
            rivals = (others[rival].id,)
    work.target = Target(tokens, rivals)
    st.text(f"Target: “{''.join(answer.tokens[place].text for place in tokens).strip() or visible('')}”")
    st.caption("This is what the other pages explain.")
