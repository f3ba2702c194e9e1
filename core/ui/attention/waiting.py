"""Rows that take a pass of the model: computed once, by the page rather than its fragment, so that Stop works."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st
from torch import Tensor

from core.ui.asking import stop_row, trouble_of
from core.ui.attention.view import AttentionView
from core.ui.work import run_on_model
from core.vlm.model import VisionLanguageModel

STOPPED = "You stopped this. What was there before is kept."


def ready(
    view: AttentionView, model: VisionLanguageModel, key: object, name: str, compute: Callable[[], Tensor | None]
) -> bool:
    """Whether `view.kept` has `key`. Where it does not, the page computes it and runs again; where that was stopped or
    failed, says so with a button to try again, and returns False. `name` says what is computed ("reading the question
    again")."""
    if key in view.kept:
        view.kept.move_to_end(key)
        return True
    if name in view.stopped:
        st.text(view.stopped[name])
        st.button("Compute it", key=f"compute_{name}", on_click=partial(_forget, view, name))
        return False
    view.errands.leave(partial(_compute, view, model, key, name, compute))


def _compute(
    view: AttentionView, model: VisionLanguageModel, key: object, name: str, compute: Callable[[], Tensor | None]
) -> None:
    status = stop_row(f"stop_{name}", lambda: view.stopped.update({name: STOPPED}))

    def run() -> None:
        view.keep(key, run_on_model(model, name, lambda cancel, say: compute(), status))

    trouble = trouble_of(run)
    if trouble is not None:
        view.stopped[name] = trouble


def _forget(view: AttentionView, name: str) -> None:
    view.stopped.pop(name, None)
