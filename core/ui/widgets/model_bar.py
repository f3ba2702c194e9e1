"""The sidebar's model bar: which model answers, what it is made of, and how to choose another."""

from __future__ import annotations

import time
from typing import get_args

import streamlit as st

from ...errors import ModelUnavailable
from ...vlm.loading import DType, ModelSpec, estimate_memory, suggested_models
from ...vlm.model import ModelCard
from ..state import models
from ..state.results import Kind, ResultCache
from ..state.workspace import Workspace

ESTIMATES = Kind[tuple[str, bool]](10)
KEPT_SECONDS = 60


def compact(number: int) -> str:
    """A count as people say it: 3.5 M, 7.1 B."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def facts(card: ModelCard) -> dict[str, str]:
    """The card as label and value, in the order it is read."""
    heads = str(card.heads)
    if card.key_value_heads != card.heads:
        heads += f" ({card.key_value_heads} key-value)"
    return {
        "parameters": compact(card.parameters),
        "precision": f"{card.dtype} on {card.device}",
        "layers × heads": f"{card.layers} × {heads}{_with_attention(card)}",
        "image grid": card.image_grid,
        "family": card.family,
    }


def _with_attention(card: ModelCard) -> str:
    """In how many layers there is attention, where it is not in all."""
    return f", attention in {len(card.attention_layers)} layers" if card.without_attention else ""


def card_table(card: ModelCard) -> None:
    """The card's facts, one a line. Names come from model folders, so they are shown as plain text."""
    st.text(card.name)
    for label, value in facts(card).items():
        with st.container(horizontal=True, gap="small", horizontal_alignment="distribute"):
            st.caption(label)
            st.text(value)


def _estimate(results: ResultCache, spec: ModelSpec) -> tuple[str, bool]:
    """What loading takes, in a sentence, and whether it fits. Kept a minute: for a hub model it asks the network."""
    key = (spec, time.monotonic() // KEPT_SECONDS)
    told = results.get(ESTIMATES, key)
    if told is None:
        try:
            estimate = estimate_memory(spec)
            told = estimate.sentence, estimate.fits
        except ModelUnavailable as error:
            told = str(error), True
        results.keep(ESTIMATES, key, told)
    return told


def chooser(current_workspace: Workspace) -> None:
    """Choose another model: a suggested one, a folder, or a hub id."""
    labels = {model.source: model.label for model in suggested_models()}
    sources = list(dict.fromkeys([*labels, current_workspace.spec.source]))
    with st.expander("Choose another model", icon=":material/swap_horiz:"):
        source = st.selectbox(
            "Model",
            sources,
            index=sources.index(current_workspace.spec.source),
            format_func=lambda item: labels.get(item, item),
            accept_new_options=True,
            help="Type the path of a model folder, or a Hugging Face hub id that is on this machine.",
        )
        dtype = st.selectbox("Precision", get_args(DType))
        spec = ModelSpec((source or "").strip(), dtype)
        if not spec.source:
            st.caption("Choose a model, or type a folder or hub id.")
            return
        if spec == current_workspace.spec:
            st.caption("This is the model in use.")
            return
        sentence, fits = _estimate(current_workspace.results, spec)
        st.text(sentence)
        if st.button("Load it" if fits else "Load it all the same", type="primary" if fits else "secondary"):
            models.switch_model(current_workspace, spec)
            st.rerun()


def ask_about_linked_model(current_workspace: Workspace) -> None:
    """A model is named that nobody here has chosen, or that would have to be fetched: load it only when told to."""
    spec = current_workspace.asked_spec
    if spec is None:
        return
    with st.container(border=True, key="linked_model"):
        st.markdown("**Another model is asked for**")
        st.text(spec.source)
        st.caption(
            "By the link, or by whoever started this server. It is loaded, and fetched where it is not on this "
            "machine, only if you say so: a link may name any folder. Load only what you trust."
        )
        with st.container(horizontal=True):
            if st.button("Load it", key="linked_load"):
                models.switch_model(current_workspace, spec)
                st.rerun()
            if st.button("Stay with the present model", key="linked_stay"):
                current_workspace.asked_spec = None
                st.rerun()


def show_trouble(current_workspace: Workspace) -> None:
    if current_workspace.model_trouble:
        with st.container(border=True, key="model_trouble"):
            st.markdown(":material/error: **The model could not be loaded**")
            st.text(current_workspace.model_trouble)
