"""Findings: what was published, measured again on this model with its controls, and whether it reproduces."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from ...cases.findings.report import Findings, Report, read_findings
from ...cases.findings.run import SCENES, run_findings
from ...errors import JournalError
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from .finding import finding_panel
from .view import FINDINGS, MechanismsView

FEW = 20
VERDICTS = {
    True: (":material/check_circle:", "reproduces here"),
    False: (":material/cancel:", "does not reproduce here"),
    None: (":material/help:", "cannot be told"),
}


def findings_panel(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The findings about this model: those that come with Sightline, or those measured in this tab."""
    view = workspace.view(MechanismsView)
    key = ("findings", model.card.fingerprint)
    _again(view, model, key)
    if key in view.jobs.stopped:
        kept = " What was read is kept in this tab: measure again to go on from there." if view.journals else ""
        st.text(f"{view.jobs.stopped[key]}{kept}")
    found = view.results.get(FINDINGS, key) or _committed(model)
    if found is None:
        st.info(
            f"Nothing has been measured on {escaped(model.card.name)} yet. A few scenes tell the direction; the "
            f"verdicts that come with the embedded model are of {SCENES} and more.",
            icon=":material/experiment:",
        )
        return
    _about(found)
    for report in found.findings:
        icon, verdict = VERDICTS[report.reproduces]
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"{icon} **{escaped(report.title)}**: {verdict}")
            st.text(report.because)
    finding_panel(_chosen(found))


def _committed(model: VisionLanguageModel) -> Findings | None:
    """The findings that come with Sightline, if they are about this model."""
    try:
        found = read_findings()
    except JournalError:
        return None
    return found if found.model == model.card.fingerprint else None


def _again(view: MechanismsView, model: VisionLanguageModel, key: tuple[str, str]) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        scenes = int(
            st.number_input(
                "Scenes",
                1,
                1000,
                FEW,
                key="findings_scenes",
                persist_state="session",
                width=130,
                help="Held out: training never draws them. What was read is kept in this tab, so that a larger number "
                "goes on from there.",
            )
        )
        clicked = st.button("Measure again", icon=":material/replay:", key="findings_again")
        if view.results.get(FINDINGS, key) is not None:
            st.button(
                "Back to the committed ones", on_click=view.results.drop, args=(FINDINGS, key), key="findings_back"
            )
    if not clicked:
        return
    if view.journals is None:
        view.journals = TemporaryDirectory(prefix="sightline-findings-")
    journal = Path(view.journals.name) / f"{model.card.fingerprint[:16]}.jsonl"
    command = shlex.join(["python", "-m", "core", "findings", "--scenes", str(scenes), "--model", model.card.source])

    def work(cancel: CancelToken, report: Callable[[float], None]) -> None:
        found = run_findings(model, journal, scenes, command=command, cancel=cancel, progress=report)
        view.results.keep(FINDINGS, key, found)

    view.jobs.start(model, key, f"reading {scenes} scenes for each finding", "findings", work)


def _about(found: Findings) -> None:
    libraries = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    st.caption(
        f"{escaped(found.model_name)} · {found.scenes} scenes for each finding · begun {escaped(found.begun)} · "
        f"{found.seconds / 60:.0f} min · {escaped(libraries)}. The rules were written down before the first run."
    )
    st.code(found.command, language=None)


def _chosen(found: Findings) -> Report:
    """The finding that is told in full."""
    titles = {report.key: report.title for report in found.findings}
    key = st.selectbox(
        "In full", list(titles), format_func=titles.__getitem__, key="findings_chosen", persist_state="session"
    )
    return next(report for report in found.findings if report.key == key)
