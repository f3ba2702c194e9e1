"""Which head, and how the graph is learned."""

from __future__ import annotations

import streamlit as st

from ...causal.settings import GraphSettings
from ...errors import SettingsError
from ...vlm.model import ModelCard
from ..widgets.controls import settings_form
from ..widgets.layers import layer_name
from .view import CausalView

FORM = "causal"
ALPHA = f"{FORM}_alpha"


def form(card: ModelCard) -> GraphSettings | None:
    """A control for each setting in a popover; None, and a sentence beside it, where they do not go together."""
    with st.popover("Settings", icon=":material/tune:"):
        columns = st.columns(2, gap="medium")
        try:
            settings: GraphSettings = settings_form(GraphSettings, card, FORM, columns)
            return settings
        except SettingsError as error:
            problem = str(error)
    st.text(problem)
    return None


def use_alpha(alpha: float) -> None:
    """Set alpha. To be called by a click."""
    st.session_state[ALPHA] = alpha


def in_words(settings: GraphSettings) -> str:
    """The settings that decide a graph, in a few words."""
    more = ", sink left out" if settings.leave_out_sink else ""
    more += f", ridge {settings.ridge:g}" if settings.ridge is not None else ""
    more += f", conditioning sets up to {settings.largest_set}" if settings.largest_set is not None else ""
    return f"{settings.method}, alpha {settings.alpha:g}, sample size {settings.sample_size}{more}"


def choose_head(view: CausalView, card: ModelCard, ranked: dict[int, str]) -> None:
    """Layer and head. `ranked` are the layer's heads in the order to offer, each with what is known of it."""

    def chosen() -> None:
        view.choose(st.session_state["causal_layer"], view.head)

    def chosen_head() -> None:
        view.head = st.session_state[head_key]

    st.session_state["causal_layer"] = view.layer
    st.selectbox(
        "Layer",
        range(card.layers),
        format_func=lambda layer: layer_name(layer, card),
        key="causal_layer",
        on_change=chosen,
        width=190 if card.without_attention else 90,
    )
    order = list(ranked) or list(range(card.heads))
    head_key = f"causal_head_{'_'.join(map(str, order))}"
    st.session_state[head_key] = view.head
    st.selectbox(
        "Head, ranked by what masking did" if ranked else "Head, not ranked yet",
        order,
        format_func=lambda head: f"head {head}{ranked.get(head, '')}",
        key=head_key,
        on_change=chosen_head,
        width=290,
        help="Heads are ranked by how far masking their explanation lowers the token's log-probability beyond random "
        "sets of the same size. The test of all heads below finds that out.",
    )
