"""Load the model of a pinned answer beside the one in use, so that it can be computed about."""

from __future__ import annotations

import streamlit as st

from ...errors import ModelUnavailable
from ...vlm.spec import ModelSpec
from ..state.models import store
from ..state.pin import Pin
from ..state.pins import spec_of
from ..state.workspace import Workspace

ICON = ":material/download:"


def load_it(workspace: Workspace, pin: Pin) -> None:
    """A button, where it is known what to load; one that nobody chose on this server is named first, for what a run
    says may be any folder."""
    spec = spec_of(workspace, pin)
    if store().loaded(pin.answer.model) is not None:
        return
    if spec is None:
        st.caption("How it can be loaded is not known here: choose it in the bar on the left.")
        return
    key = f"beside_load_{pin.id[:12]}"
    if store().was_chosen(spec):
        clicked = st.button("Load it", key=key, type="tertiary", icon=ICON)
    else:
        with st.popover("Load it", type="tertiary", icon=ICON):
            st.text(f"It was loaded from {spec.source}. Load only what you trust.")
            clicked = st.button("Load it", key=key)
    if clicked and _loaded(spec, pin):
        st.rerun()


def _loaded(spec: ModelSpec, pin: Pin) -> bool:
    """Whether it is there now, and is the one that answered; if not, that has been said."""
    status = st.empty()

    def tell(step: str) -> None:
        status.text(f"{step} …")

    try:
        model = store().get(spec, tell)
    except ModelUnavailable as error:
        status.text(str(error))
        return False
    store().choose(spec)
    if model.card.fingerprint != pin.answer.model:
        status.text("Another model lies there now, so nothing can be computed about this answer.")
        return False
    return True
