"""Where the sink patches come from: why a map may be bright in one place whatever is asked."""

from __future__ import annotations

import streamlit as st

from ...answer import Answer, HeldRows
from ...attention.sink_origin import SinkOrigin, origin_passes, sink_origins
from ...counted import counted
from ...runs.kinds import SINK_ORIGINS
from ...vlm.cancel import CancelToken
from ...vlm.forecast import forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.results import answer_key
from ..widgets.forecasts import foreseen
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import Row, save_table
from .subject import sinks_of
from .view import ORIGINS, AttentionView

CHAT = "pages/1_Chat.py"


def sinks_panel(view: AttentionView, model: VisionLanguageModel, answer: Answer, held: HeldRows) -> None:
    """Whether there are sink patches, and on demand whether the tower or the decoder makes them."""
    sinks = sinks_of(view, answer, held)
    patches = sinks.of_kind("patch")
    if not answer.layout.views:
        return
    if not patches:
        st.caption("No patch is a sink here: what is bright on a map is bright for this word, not whatever is asked.")
        return
    key = answer_key(answer)
    with st.expander(
        f"Bright whatever is asked: {counted(len(patches), 'sink patch', 'sink patches')}",
        icon=":material/vertical_align_bottom:",
    ):
        told = foreseen(lambda: forecast(model, answer, origin_passes()))
        if st.button("Where do they come from?", key="sink_origins", icon=":material/travel_explore:"):

            def work(cancel: CancelToken, report: Report) -> None:
                found = sink_origins(model, answer, sinks, held, cancel=cancel, progress=report)
                view.results.keep(ORIGINS, key, found)

            view.jobs.start(model, ("sink origins", key), "reading the vision tower", "sink_origins", work, told)
        view.jobs.tell(("sink origins", key))
        found = view.results.get(ORIGINS, key)
        if found is None:
            st.caption("A pass of the vision tower tells whether they leave it as sinks, or the decoder makes them.")
        else:
            _told(answer, found)
        st.page_link(
            CHAT, label="Give their attention back and ask again (Chat, Try remedies)", icon=":material/healing:"
        )


def _told(answer: Answer, found: tuple[SinkOrigin, ...]) -> None:
    for origin in found:
        st.text(f"{place_of(answer, origin.position)}. {origin.sentence}")
    if any(origin.origin == "tower" for origin in found):
        st.caption(
            "What comes from the tower is there before a word is read, so a map is bright there for every question "
            "about this picture."
        )
    rows: list[Row] = [
        {
            "position": origin.position + 1,
            "place": place_of(answer, origin.position),
            "comes from": origin.origin,
            "size (times the median)": origin.norm,
            "tower's attention (times an even share)": origin.looked_at,
            "first layer": origin.layer,
        }
        for origin in found
    ]
    with st.container(horizontal=True, gap="small"):
        save_table(rows, "sink_origins", "sink_origins_csv")
        copy_script(answer, Made(SINK_ORIGINS, found))


def place_of(answer: Answer, position: int) -> str:
    """Which patch a position is, for people."""
    for view in answer.layout.views:
        if position in view.positions:
            row, column = divmod(view.positions.index(position), view.columns)
            picture = f" of picture {view.image + 1}" if len(answer.layout.image_sizes) > 1 else ""
            return f"Patch in row {row + 1}, column {column + 1}{picture}"
    return f"Position {position + 1}"
