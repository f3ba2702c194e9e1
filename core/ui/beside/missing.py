"""What is not there yet of the pinned answers: computed on a click, one answer after the other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ...counted import counted
from ...vlm.forecast import Forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import STOPPED, Work
from ..widgets.chips import escaped
from ..widgets.forecasts import foretold
from .columns import Column
from .view import BesideView


@dataclass(frozen=True, eq=False)
class Missing:
    """Something that is not there of a column: `key` is what it is of, `why` it cannot be computed as a sentence, or
    None; then `work` does it."""

    column: Column
    key: Hashable
    why: str | None
    work: Callable[[VisionLanguageModel], Work]
    told: Callable[[VisionLanguageModel], Forecast | None]


def compute_missing(
    view: BesideView,
    missing: Sequence[Missing],
    places: Sequence[DeltaGenerator],
    purpose: str,
    what: Hashable,
    one: str,
    many: str = "",
) -> None:
    """Compute what was asked for, and below each column say why its own is not there; a button computes all that can
    be. `what` is asked for in a click; `one` and `many` are what it is called. To be called before anything is drawn of
    it: where work takes longer the page runs anew."""
    able = [each for each in missing if each.why is None and each.column.model is not None]
    if view.asked == what:
        for each in able:
            why = view.jobs.stopped.get(each.key)
            if why == STOPPED:
                break
            if why is not None:
                continue
            assert each.column.model is not None
            told = each.told(each.column.model)
            view.jobs.run(each.column.model, [each.key], purpose, "beside", each.work(each.column.model), told)
        view.asked = None
        if able:
            context = get_script_run_ctx()
            st.rerun(scope="fragment" if context is not None and context.fragment_ids_this_run else "app")
    for each in missing:
        with places[each.column.number]:
            if each.why is not None:
                st.text(each.why)
            elif each.column.model is None:
                st.caption("Not computed of this answer yet.")
            else:
                view.jobs.tell(each.key)
    if able:
        _button(view, able, what, f"Compute {counted(len(able), one, many)}")


def _button(view: BesideView, able: Sequence[Missing], what: Hashable, label: str) -> None:
    def ask() -> None:
        view.asked = what
        for each in able:
            view.jobs.forget(each.key)

    st.button(label, key="beside_compute", type="primary", icon=":material/play_arrow:", on_click=ask)
    for each in able:
        assert each.column.model is not None
        foretold(each.told(each.column.model), name=escaped(f"Answer {each.column.number + 1}"))
