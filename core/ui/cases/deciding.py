"""Answers that no rule understands: somebody says of each, once, whether it is right."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ...cases.decisions import decide, decisions_file
from ...cases.results import Result, Run, not_understood
from ...charts.tokens import cut
from ...counted import counted
from ...errors import DecisionsError

AT_ONCE = 5
LONGEST = 400
TROUBLE = "cases_undecided"


def deciding_panel(run: Run, file: Path) -> None:
    """How many answers were not understood, and the first of them with their verdicts; nothing where all were."""
    unknown = not_understood(run)
    decided = sum(result.decided for result in run.results)
    if decided:
        st.caption(f"Somebody decided about {counted(decided, 'answer')}, which is kept beside the results.")
    if not unknown:
        return
    with st.expander(f"Not understood: {counted(len(unknown), 'answer')}. Each counts as wrong until you decide."):
        if (trouble := st.session_state.get(TROUBLE)) is not None:
            st.text(trouble)
        for result in unknown[:AT_ONCE]:
            _one(result, file)
        if len(unknown) > AT_ONCE:
            st.caption(f"{len(unknown) - AT_ONCE:,} more follow.")


def _one(result: Result, file: Path) -> None:
    expected = " or ".join(filter(None, result.expected))
    with st.container(border=True, horizontal=True, gap="medium", vertical_alignment="center"):
        with st.container(width="stretch"):
            st.text(cut(result.question, LONGEST))
            st.text(f"→ {cut(result.said, LONGEST) or '(nothing)'}")
            st.text(f"expected: {cut(expected, LONGEST)}")
        for verdict, right in (("Right", True), ("Wrong", False)):
            st.button(
                verdict,
                key=f"cases_decide_{verdict.lower()}_{result.key}",
                on_click=_decided,
                args=(result, file, right),
            )


def _decided(result: Result, file: Path, right: bool) -> None:
    try:
        decide(decisions_file(file), result.id, result.key, result.said, right)
    except DecisionsError as error:
        st.session_state[TROUBLE] = str(error)
    else:
        st.session_state.pop(TROUBLE, None)
