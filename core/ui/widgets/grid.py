"""What is said below the answer bar of a grid that no family declares, and a button to measure one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ...answer import Answer
from ...maps.grid import grid_note
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import PageJobs
from ..state.workspace import Exchange
from .chips import escaped


def grid_line(model: VisionLanguageModel, exchange: Exchange, answer: Answer, jobs: PageJobs) -> None:
    """That a grid was measured; where none is known, a button that measures it, once for each size of picture."""
    layout = answer.layout
    if note := grid_note(layout):
        st.caption(f":material/straighten: {note}")
    if layout.views or not layout.measurable or not answer.question.images:
        return
    key = ("grid", model.card.fingerprint, layout.image_sizes)
    if jobs.tell(key):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        clicked = st.button("Measure the grid", icon=":material/straighten:", key="measure_grid")
        why = (
            layout.unplaced or "Nobody has described where models of this family have their image tokens in the picture"
        )
        st.caption(
            f"{escaped(why)}. It can be measured: about 25 passes of the vision tower, once for this size of picture."
        )

    def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
        exchange.answer = model.measure_grid(answer, cancel=cancel, progress=report)

    if clicked:
        jobs.start(model, key, "measuring the grid of image tokens", "grid", work)
