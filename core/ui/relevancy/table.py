"""Do the methods shown point to the same places?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ...answer import Answer, Target
from ...charts.agreement import agreement_matrix
from ...charts.heatmap import Scale
from ...maps.agreement import TOP, agreement_table
from ...maps.difference import image_positions_of
from ...maps.shares import Part, parts
from ..widgets.folded import folded
from ..widgets.places import why_no_places
from ..widgets.taken_charts import save_chart
from .maps import Shown

PATCHES, WORDS = "patches", "words"
WIDTH = 430
"""Of the tables, in pixels: three methods and their names."""


def agreement_panel(answer: Answer, target: Target, shown: Sequence[Shown]) -> None:
    """Rank correlation and top overlap of every pair of maps, over patches or words."""
    if len({one.explanation.about(answer).layout for one in shown}) > 1:
        st.info("These maps are of different patches, so they cannot be compared.")
        return
    if len(shown) < 2:
        st.info("Choose a second method above to see how far the two agree.", icon=":material/compare:")
        return
    over = st.segmented_control(
        "Over",
        (PATCHES, WORDS),
        default=PATCHES,
        required=True,
        key="relevancy_over",
        persist_state="session",
        wrap=True,
    )
    answer = shown[0].explanation.about(answer)
    by_part = parts(answer.layout, target)
    words = [*by_part[Part.QUESTION], *by_part[Part.EARLIER]]
    places = words if over == WORDS else image_positions_of(answer.layout)
    if not places:
        st.info(f"{why_no_places(answer)}: compare the methods over words.", icon=":material/image_not_supported:")
        return
    rank, overlap = agreement_table([one.scores[places] for one in shown])
    names = [one.explainer.name for one in shown]
    top = min(TOP, len(places))
    with st.container(horizontal=True, gap="large"):
        ranks = agreement_matrix(names, rank, Scale(-1, 1, signed=True), title="Spearman's rank correlation")
        tops = agreement_matrix(names, overlap, Scale(0, 1), title=f"share of the top {top} in common", format=".0%")
        for chart, table, what, name in (
            (ranks, rank, "rank correlation", "rank-correlation"),
            (tops, overlap, "overlap of the highest places", "overlap"),
        ):
            with st.container(width="content"):
                st.altair_chart(chart, width="content", alt=f"{what} of every two methods")
                rows = [
                    {"method": first, "other": second, what: float(table[i, j])}
                    for i, first in enumerate(names)
                    for j, second in enumerate(names)
                ]
                save_chart(chart, name, f"save_{name}", rows)
    ties = (
        " Equal scores share the last places of the top, so a map with many of them shares less than all with itself."
        if (np.diag(overlap) < 1).any()
        else ""
    )
    folded(
        "Agreement says that two methods see the same, not that they are right.",
        f"Over {len(places)} {over}. By chance, two maps share {top / len(places):.0%} of their top {top}. A dash is a "
        f"flat map.{ties}",
    )
