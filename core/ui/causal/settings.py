"""Which head, which radius, and how the graph is learned."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from ...causal.errors import CausalError
from ...causal.pag import LARGEST
from ...causal.settings import GraphSettings, Method, meanings
from .view import CausalView

ALPHAS = tuple(float(f"{digit}e{exponent}") for exponent in range(-15, -1) for digit in (1, 2, 5))
SAMPLE_SIZES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
ALPHA, SAMPLES = "causal_alpha", "causal_samples"


def form() -> GraphSettings | None:
    """A control for each setting in a popover; None, and a sentence beside it, where they do not go together."""
    said, first = meanings(), GraphSettings()
    with st.popover("Settings", icon=":material/tune:"):
        left, right = st.columns(2, gap="medium")
        with left:
            image_tokens = _whole("image_tokens", first.image_tokens, 0, LARGEST - 1)
            text_tokens = _whole("text_tokens", first.text_tokens, 0, LARGEST - 1)
            threshold = st.number_input(
                said["text_threshold"][0],
                0.0,
                1.0,
                first.text_threshold,
                0.005,
                format="%.3f",
                help=said["text_threshold"][1],
                key="causal_text_threshold",
                persist_state="session",
            )
            leave_out = st.toggle(
                said["leave_out_sink"][0],
                first.leave_out_sink,
                help=said["leave_out_sink"][1],
                key="causal_leave_out_sink",
                persist_state="session",
            )
        with right:
            method = st.selectbox(
                said["method"][0],
                get_args(Method),
                help=said["method"][1],
                key="causal_method",
                persist_state="session",
            )
            alpha = st.select_slider(
                said["alpha"][0],
                ALPHAS,
                first.alpha,
                format_func=lambda value: f"{value:g}",
                help=said["alpha"][1],
                key=ALPHA,
                persist_state="session",
            )
            samples = st.select_slider(
                said["sample_size"][0],
                SAMPLE_SIZES,
                first.sample_size,
                help=said["sample_size"][1],
                key=SAMPLES,
                persist_state="session",
            )
            seconds = st.number_input(
                said["seconds"][0],
                0.1,
                600.0,
                first.seconds,
                1.0,
                help=said["seconds"][1],
                key="causal_seconds",
                persist_state="session",
            )
    try:
        return GraphSettings(
            image_tokens=int(image_tokens),
            text_threshold=float(threshold),
            text_tokens=int(text_tokens),
            method=method,
            alpha=alpha,
            sample_size=samples,
            leave_out_sink=leave_out,
            seconds=None if seconds is None else float(seconds),
        )
    except CausalError as error:
        st.text(str(error))
        return None


def _whole(name: str, value: int, least: int, most: int) -> int:
    label, note = meanings()[name]
    found = st.number_input(label, least, most, value, help=note, key=f"causal_{name}", persist_state="session")
    return int(found)


def use_alpha(alpha: float) -> None:
    """Set alpha. To be called by a click."""
    st.session_state[ALPHA] = alpha


def in_words(settings: GraphSettings) -> str:
    """The settings that decide a graph, in a few words."""
    sink = ", sink left out" if settings.leave_out_sink else ""
    return f"{settings.method}, alpha {settings.alpha:g}, sample size {settings.sample_size}{sink}"


def choose_head(view: CausalView, layers: int, heads: int, ranked: dict[int, str]) -> None:
    """Layer and head. `ranked` are the layer's heads in the order to offer, each with what is known of it."""

    def chosen() -> None:
        view.choose(st.session_state["causal_layer"], view.head)

    def chosen_head() -> None:
        view.head = st.session_state[head_key]

    st.session_state["causal_layer"] = view.layer
    st.selectbox("Layer", range(layers), key="causal_layer", on_change=chosen, width=90)
    order = list(ranked) or list(range(heads))
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
