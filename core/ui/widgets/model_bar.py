"""The sidebar's model bar: which model answers and what it is made of, with its adapter and without. How another is
chosen stands in `model_chooser.py`."""

from __future__ import annotations

import streamlit as st

from ...vlm.model import ModelCard
from ..state import models
from ..state.adapters import tuned_spec, without_adapter
from ..state.workspace import Workspace

FEW_BITS = (
    "Its weights are rounded: maps and figures explain this model, not the one it was made from. Gradients are those "
    "of the rounded weights."
)


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
    told = {"parameters": compact(card.parameters), "precision": f"{card.dtype} on {card.device}"}
    if card.quantisation:
        told["weights"] = card.quantisation
    if card.placement:
        told["layers lie"] = card.placement
    if card.adapter:
        told["adapter"] = card.adapter
    return {
        **told,
        "layers × heads": f"{card.layers} × {heads}{_with_attention(card)}",
        "image grid": card.image_grid.replace(" x ", " × "),
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
    if card.quantisation:
        st.caption(FEW_BITS)


def adapter_switch(current_workspace: Workspace) -> None:
    """Where the model was chosen with an adapter: with it, or without."""
    tuned = tuned_spec(current_workspace)
    if tuned is None:
        return
    on = current_workspace.spec == tuned
    wanted = st.toggle(
        "With its adapter",
        value=on,
        key=f"adapter_{on}",
        help="Chat sets what both say to a question beside each other.",
    )
    if wanted != on:
        models.switch_model(current_workspace, tuned if wanted else without_adapter(tuned))
        current_workspace.tuned = tuned
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
