"""What the model says under an intervention, token under token with what it said before."""

from __future__ import annotations

import streamlit as st

from ...answer import Answer
from ...charts.tokens import aligned_chart, aligned_tokens
from ...perturb.reask import Reasked
from ...quantities import change_in_nats
from ..widgets.chips import escaped
from ..widgets.folded import folded

WIDTH = 470


def answer_difference_panel(reasked: Reasked, name: str) -> None:
    """Both answers, and the change of every token of the original; `name` tells the chart from others."""
    before, after = ([token.label for token in answer.tokens] for answer in (reasked.original, reasked.answer))
    st.text(_in_words(reasked.original, reasked.answer))
    columns = aligned_tokens(before, after, reasked.outcome.changes.tolist())
    st.altair_chart(
        aligned_chart(columns, WIDTH), width="content", key=f"mechanisms_said_{name}", alt="the two answers by token"
    )
    folded(
        f"The original answer's log-probability changes by {escaped(change_in_nats(reasked.outcome.change))}. Orange: "
        "less probable, purple: more probable.",
        "Rows: the original's tokens, the new answer's, and the change in log-probability (nats) of each original "
        f"token when the original is read so. {reasked.seconds:.2f} s.",
    )


def _in_words(before: Answer, after: Answer) -> str:
    if before.token_ids == after.token_ids:
        return f"“{before.text}” stays."
    return f"“{before.text}” becomes " + (f"“{after.text}”" if after.text else "an answer without words.")
