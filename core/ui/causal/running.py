"""Long work of this page: done once, with a bar and a Stop button, and not tried again by itself after a stop."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import NoReturn

import streamlit as st

from core.ui.causal.view import CausalView
from core.ui.relevancy.running import STOPPED, watched
from core.vlm.cancel import CancelToken
from core.vlm.model import VisionLanguageModel

Work = Callable[[CancelToken, Callable[[float], None]], None]


def compute(
    view: CausalView, model: VisionLanguageModel, key: Hashable, purpose: str, name: str, work: Work
) -> NoReturn:
    """Have the page do `work(cancel, report)`, which keeps what it finds itself, also the part before a stop, and run
    again. What went wrong is kept under `key` as a sentence."""
    view.stopped.pop(key, None)
    view.errands.leave(partial(_compute, view, model, key, purpose, name, work))


def _compute(view: CausalView, model: VisionLanguageModel, key: Hashable, purpose: str, name: str, work: Work) -> None:
    place = st.empty()

    def stopped() -> None:
        view.stopped[key] = STOPPED

    trouble = watched(model, purpose, work, place, f"stop_{name}", on_stop=stopped)
    if trouble is not None:
        view.stopped[key] = trouble


def obstacle(view: CausalView, key: Hashable, name: str) -> bool:
    """Whether this was stopped or failed before: then it has been said, with a button to try again."""
    if key not in view.stopped:
        return False
    st.text(view.stopped[key])
    st.button("Compute it", key=f"again_{name}", on_click=view.forget, args=(key,))
    return True
