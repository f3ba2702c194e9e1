"""The lens of any mechanism, made from what it says of itself: its controls, a run, its figures and what they cost."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ...answer import Answer, Target
from ...errors import SettingsError
from ...mechanisms.base import Mechanism
from ...mechanisms.run import Measurement, expected, measure
from ...plugins import description
from ...vlm.cancel import CancelToken
from ...vlm.memory import readable_bytes
from ...vlm.model import ModelCard, VisionLanguageModel
from ..jobs.page import Report
from ..state.results import answer_key
from ..state.target import describe_target
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.controls import settings_form, settings_text
from ..widgets.evidence.section import evidence_section
from ..widgets.forecasts import foreseen, foretold
from .shapes import draw_shape
from .view import MEASURED, MechanismsView


def mechanism_panel(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer, target: Target, mechanism: Mechanism
) -> None:
    """What the mechanism is, its controls and a button; and its figures under these settings, once they are there."""
    view = workspace.view(MechanismsView)
    st.caption(escaped(description(mechanism)))
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="mechanism_controls"):
        settings = _settings(mechanism, model.card)
        can = settings is not None
        clicked = st.button(
            "Compute", type="primary", icon=":material/play_arrow:", disabled=not can, key="mechanism_compute"
        )
    if not can:
        return
    key = ("measured", mechanism.key, answer_key(answer), target, settings)

    def work(cancel: CancelToken, report: Report) -> None:
        measured = measure(mechanism, model, answer, target, settings, cancel=cancel, progress=report)
        view.results.keep(MEASURED, key, measured)

    measurement = view.results.get(MEASURED, key)
    if clicked or measurement is None or measurement.result.complete < 1:
        told = foreseen(lambda: expected(mechanism, model, answer, target, settings))
        foretold(told, mechanism.cheaper)
        if clicked:
            view.jobs.start(model, key, f"computing {mechanism.name}", "mechanism", work, told)
    view.jobs.tell(key)
    if measurement is None:
        st.info("Choose settings and compute to see the figures here.", icon=":material/play_arrow:")
        return
    named = describe_target(answer, target, model)
    with st.container(gap="xsmall"):
        st.caption(_about(mechanism, measurement, named))
        st.caption(_cost(measurement, settings_text(settings)))
    drawn = [
        draw_shape(workspace, model, answer, measurement, shape, f"mechanism_{mechanism.key}_{number}")
        for number, shape in enumerate(measurement.result.shapes)
    ]
    evidence_section(workspace, model, answer, [one for one in drawn if one is not None], view.jobs)


def _settings(mechanism: Mechanism, card: ModelCard) -> Any:
    """The settings as they are set now; None, and a sentence, where they do not go together."""
    try:
        return settings_form(mechanism.Settings, card, f"mechanism_{mechanism.key}")
    except SettingsError as error:
        st.text(str(error))
        return None


def _about(mechanism: Mechanism, measurement: Measurement, named: str) -> str:
    """What the figures are of, and what must be said of them."""
    result = measurement.result
    parts = [f"Of {escaped(named)}.", escaped(result.remark), escaped(mechanism.caveat)]
    if result.complete < 1:
        parts.insert(0, f":material/timelapse: {result.complete:.0%} of it was done; the rest was not looked at.")
    return " ".join(part for part in parts if part)


def _cost(measurement: Measurement, settings: str) -> str:
    """Settings, seconds and memory in one line."""
    memory = "" if measurement.peak_bytes is None else f" · {readable_bytes(measurement.peak_bytes)}"
    return f"{escaped(settings)} · {measurement.seconds:.2f} s{memory}"
