"""The badge under a map: in words and figures what taking its patches away did."""

from __future__ import annotations

import streamlit as st

from ....answer import Answer, Explanation
from ....evidence.badge import badge
from ....evidence.ranking import QUOTED
from ....evidence.result import Evidence
from ..chips import escaped
from .view import EvidenceView


def evidence_badges(view: EvidenceView, answer: Answer, explanation: Explanation) -> None:
    """The badge of a map that was tested; nothing for one that was not."""
    evidence = view.test_of(answer, explanation)
    if evidence is None:
        return
    sentence = badge(evidence)
    icon = ":green[:material/verified:]" if holds(evidence) else ":orange[:material/help:]"
    st.caption(f"{icon} {escaped(sentence[:1].upper() + sentence[1:])}.")


def holds(evidence: Evidence) -> bool:
    """Whether less is left without the map's top patches than without those of every control."""
    controls = [*evidence.random, evidence.centre]
    left = evidence.tested.curves[0].at(QUOTED)
    return all(left < control.curves[0].at(QUOTED) for control in controls)
