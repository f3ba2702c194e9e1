"""A published case: what is claimed and by which rule it is judged, run on demand, and what this model says to it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ...cases.studies.registry import studies
from ...cases.studies.study import LEAST, Measured, Outcome, Study
from ...charts.heads import head_map
from ...charts.intervals import Dot, Pair, interval_chart
from ...statistics.estimate import Estimate
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from . import spoken
from .examples import example_cards, image_against_text
from .view import OUTCOMES, CasesView, StudyKey

MOST_SCENES = 200
VERDICTS = {
    "borne out": (":material/check_circle:", "This model bears it out"),
    "not borne out": (":material/cancel:", "This model does not bear it out"),
    "undecided": (":material/help:", "Undecided: read more scenes"),
}
AXES = {"share": "share", "nats": "change of log-probability (nats)"}


def studies_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The studies to choose from, and the chosen one."""
    view = workspace.view(CasesView)
    study = _chosen(view)
    with st.container(border=True):
        _definition(study)
    scenes = view.scenes.get(study.key, study.scenes)
    key = StudyKey(model.card.fingerprint, study.key, scenes)
    _controls(view, model, study, key)
    found = view.results.get(OUTCOMES, key)
    view.jobs.tell(key)
    if found is None:
        st.caption("Nothing is computed yet. Stopped on the way, it tells of the scenes that were read.")
    else:
        _outcome(workspace, model, study, found)


def _chosen(view: CasesView) -> Study[Any, Any]:
    known = studies()

    def chosen() -> None:
        view.study = st.session_state["case_study"]

    st.session_state["case_study"] = view.study or next(iter(known))
    key = st.segmented_control(
        "Case",
        list(known),
        format_func=lambda key: known[key].title,
        required=True,
        key="case_study",
        on_change=chosen,
        label_visibility="collapsed",
    )
    return known[key or next(iter(known))]


def _definition(study: Study[Any, Any]) -> None:
    st.markdown(f"**Claim.** {escaped(study.claim)}")
    st.caption(escaped(study.source))
    for name, text in (("Asked", study.asked), ("Looked at", study.looked_at), ("Rule, told before", study.rule)):
        st.markdown(f"**{name}.** {escaped(text)}")
    st.markdown(f":material/psychiatry: **In the training of the model that comes along.** {escaped(study.planted)}")
    st.caption(f"What it cannot tell: {escaped(study.caveat)}")


def _controls(view: CasesView, model: VisionLanguageModel, study: Study[Any, Any], key: StudyKey) -> None:
    def changed() -> None:
        view.scenes[study.key] = int(st.session_state[number])

    number = f"scenes_{study.key}"
    st.session_state[number] = key.scenes
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.number_input(
            "Scenes",
            1,
            MOST_SCENES,
            step=1,
            key=number,
            on_change=changed,
            width=130,
            help=f"Held out: training never draws them. Fewer than {LEAST} decide nothing.",
        )
        clicked = st.button(
            "Run this case", type="primary", icon=":material/play_arrow:", key="run_case", disabled=_done(view, key)
        )
    if clicked:

        def run(cancel: CancelToken, report: Report) -> None:
            view.results.keep(OUTCOMES, key, study.run(model, key.scenes, cancel=cancel, progress=report))

        view.jobs.start(model, key, f"reading {key.scenes} scenes", "case", run)


def _done(view: CasesView, key: StudyKey) -> bool:
    found = view.results.get(OUTCOMES, key)
    return found is not None and not found.stopped


def _outcome(workspace: Workspace, model: VisionLanguageModel, study: Study[Any, Any], found: Outcome) -> None:
    icon, words = VERDICTS[found.verdict]
    with st.container(border=True, key=f"case_{found.verdict.replace(' ', '_')}"):
        st.markdown(f"{icon} **{words}.**")
        st.text(found.because)
    stopped = " (stopped before the end)" if found.stopped else ""
    read = f"{found.scenes} scenes{stopped} · {found.seconds:.0f} s"
    st.caption(f"{escaped(model.card.name)} · {read} · lines and brackets are 95 % intervals over the n scenes")
    _figures(found.measured)
    st.subheader(study.shown, anchor=False)
    example_cards(workspace, found.examples, f"open_{study.key}")
    if study.compares_shares:
        st.markdown("**Image against text**")
        image_against_text(found.examples)
    with st.container(horizontal=True, gap="large"):
        for table in found.heads:
            with st.container(width="content"):
                st.markdown(f"**Heads that {escaped(table.title)}**")
                chart = head_map(table.values, name="log-probability increase (nats)", signed=True, size=230)
                st.altair_chart(chart, width="content", alt=f"heads that {table.title}")
    if found.heads:
        st.caption(
            "Log-probability increase of the word's first token by each head (Yu and Ananiadou 2024), the mean over "
            "all scenes, in nats, each on its own scale."
        )


def _figures(measured: tuple[Measured, ...]) -> None:
    """The figures on one axis for each unit."""
    with st.container(horizontal=True, gap="medium"):
        for unit, axis in AXES.items():
            lines = [_pair(one) for one in measured if one.found.unit == unit]
            if lines:
                chart = interval_chart(lines, title=axis, domain=(0.0, 1.0) if unit == "share" else None)
                st.altair_chart(chart, width="content", alt="; ".join(line.what for line in lines))


def _pair(one: Measured) -> Pair:
    beside = None if one.beside is None or one.control is None else _dot(one.control, one.beside)
    return Pair(one.what, _dot(one.subject, one.found), beside)


def _dot(name: str, estimate: Estimate) -> Dot:
    told = spoken.share if estimate.unit == "share" else spoken.change
    return Dot(name, estimate, f"{told(estimate)}, n {estimate.count}" if estimate.count else "no case")
