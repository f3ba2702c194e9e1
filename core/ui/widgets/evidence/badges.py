"""The badge under a map: in words and figures what taking its patches away did, and in a colour what follows."""

from __future__ import annotations

import streamlit as st

from ....answer import Answer, Explanation
from ....evidence.badge import badge
from ....evidence.verdict import Standing, verdict
from ..chips import escaped
from .view import EvidenceView

HOLDS, FAILS, UNTOLD = ":green[:material/verified:]", ":orange[:material/help:]", ":gray[:material/do_not_disturb_on:]"


def evidence_badges(view: EvidenceView, answer: Answer, explanation: Explanation) -> None:
    """The badge of a map that was tested, under the fill that is shown; nothing for one that was not."""
    evidence = view.test_of(answer, explanation)
    if evidence is None:
        return
    fill = view.fill_of(evidence)
    sentence = badge(evidence, fill)
    st.caption(f"{icon(verdict(evidence, fill).standing)} {escaped(sentence[:1].upper() + sentence[1:])}.")


def icon(standing: Standing) -> str:
    """Green only for a map that holds; grey where nothing was found for it or against it."""
    return HOLDS if standing is Standing.HOLDS else UNTOLD if standing.untold else FAILS
