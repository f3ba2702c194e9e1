"""Every token of the answer with its probability, and what the model weighed instead."""

from __future__ import annotations

import math

import streamlit as st

from ...answer import Answer
from ...charts.tokens import alternatives_chart
from ...quantities import nats, probability
from ...vlm.model import VisionLanguageModel
from ..state.target import describe_target
from ..state.workspace import Exchange, Workspace
from ..widgets.folded import folded
from ..widgets.taken_charts import save_chart
from ..widgets.target import target_chips, target_granularity, target_rival
from .doubt import doubt_of_token, doubted


def answer_tokens_panel(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, answer: Answer) -> None:
    """Chips, and for the chosen one its alternatives. What is chosen here is the target on every page."""
    in_doubt = doubted(workspace, model, answer)
    picks = target_chips(workspace, exchange, answer, doubted=in_doubt)
    folded(
        "The bluer a token, the more probable. Joined tokens are one word."
        + (" A word with a dotted line below it is in doubt." if in_doubt else ""),
        "A token that begins with a blank begins a word; one that does not continues the word before. In scripts "
        "without blanks, Unicode's rules separate words. Probabilities are the model's own, before temperature and "
        "top-p.",
    )
    if workspace.target is None or not picks:
        st.info(
            "Click a token to see what the model weighed instead, and to make it the target.",
            icon=":material/ads_click:",
        )
        return
    index = picks[0]
    left, right = st.columns([3, 2], gap="large")
    with left:
        _alternatives(answer, index)
    with right:
        _figures(answer, index)
        doubt_of_token(workspace, model, answer, index)
        target_granularity(workspace, exchange, answer, picks)
        target_rival(workspace, exchange, answer, model)
        st.text(f"Target: {describe_target(answer, workspace.target, model)}")
        st.caption("This is what the other pages explain.")


def _alternatives(answer: Answer, index: int) -> None:
    token = answer.tokens[index]
    texts = [alternative.text for alternative in token.alternatives]
    logprobs = [alternative.logprob for alternative in token.alternatives]
    ids = [alternative.id for alternative in token.alternatives]
    said = ids.index(token.id) if token.id in ids else None
    if said is None:
        texts, logprobs, said = [*texts, token.label], [*logprobs, token.logprob], len(texts)
    chart = alternatives_chart(texts, logprobs, said)
    st.altair_chart(chart, alt=f"probabilities of the {len(texts)} alternatives at token {index + 1}")
    rows = [{"token": text, "log-probability (nats)": logprob} for text, logprob in zip(texts, logprobs, strict=True)]
    save_chart(chart, f"alternatives-token-{index + 1}", f"save_alternatives_{index}", rows)


def _figures(answer: Answer, index: int) -> None:
    token = answer.tokens[index]
    with st.container(horizontal=True):
        st.metric("probability", probability(math.exp(token.logprob)))
        st.metric("entropy", nats(token.entropy), help="0: the model was certain. Higher: many tokens were possible.")
    st.caption(f"Token {index + 1} of {len(answer.tokens)}, id {token.id}, log-probability {nats(token.logprob)}")
