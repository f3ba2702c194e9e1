"""The heads that ground, as they were found for the model on pictures with masks: a list to click."""

from __future__ import annotations

import math

import streamlit as st

from ...cases.grounding import HeadFigure
from ...cases.kept_heads import kept_heads
from ...errors import RunError
from ...explainers.localisation import heads_text
from ...vlm.model import ModelCard
from ..state.person import home
from ..widgets.chips import escaped
from .view import AttentionView

LISTED = 8
KEY = "attention_grounding"


def grounding_panel(view: AttentionView, card: ModelCard) -> None:
    """The heads that point best, those that ground by the rule with a star; a click looks at one."""
    try:
        found = kept_heads(home(), card.fingerprint)
    except RunError:
        found = None
    if found is None or not found.heads:
        st.caption(
            "Heads that ground: not found for this model yet. `sightline heads --folder FOLDER`, or Case Studies "
            "(League of methods), finds them on pictures with masks."
        )
        return
    rows = {heads_text([row.named]): row for row in found.heads[:LISTED]}
    star = set(found.chosen)

    def chosen() -> None:
        picked = st.session_state[KEY]
        head = view.head if picked is None else rows[picked].named
        if head is not None:
            view.choose(head)

    now = "" if view.head is None else heads_text([view.head])
    st.session_state[KEY] = now if now in rows else None
    st.pills(
        "Heads that ground",
        list(rows),
        format_func=lambda head: _named(rows[head], rows[head].named in star),
        key=KEY,
        on_change=chosen,
        wrap=True,
        help=f"Layer.head, and the share of its attention to the picture that lies on the mask, over {found.scored} "
        f"cases of {escaped(found.folder.rpartition('/')[2] or found.set_of_cases)} (masks cover {found.area:.0%}). In "
        "brackets: how the word's log-probability changes without the head, in nats. Stars mark the heads that ground "
        "by the rule, which the method of this name on Relevancy sums.",
    )


def _named(row: HeadFigure, star: bool) -> str:
    lost = "" if math.isnan(row.ablated.value) else f" ({row.ablated.value:+.2f})"
    return f"{'★ ' if star else ''}{row.layer}.{row.head} · {row.pointing.value:.0%}{lost}"
