"""One claim in full: what it says and its rule, a way to measure it again, its verdict, figures and examples."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ....claims.claim import Claim
from ....claims.report import Report, verdict_of
from ....claims.verdict import MEANING, NOT_MEASURED, Verdict
from ....counted import counted
from ....reports.case_scripts import claim_script
from ....vlm.forecast import duration
from ....vlm.model import VisionLanguageModel
from ...jobs.page import PageJobs
from ...state.workspace import Workspace
from ..chips import escaped
from ..folded import folded
from ..scripts import copy_code, kept_model
from ..tables import save_table
from .examples import example_cards, image_against_text
from .figures import figure_charts, figure_rows, head_tables
from .running import measure_examples, run_controls
from .twin import beside_twin
from .view import EXAMPLES, ClaimsView, Standing, report_key, standing

ICONS: dict[str, str] = {
    "reproduces": ":material/check_circle:",
    "does not reproduce": ":material/cancel:",
    "undecided": ":material/help:",
    NOT_MEASURED: ":material/hourglass_empty:",
}
MARKS: dict[Verdict, str] = {
    "reproduces": ":material/check:",
    "does not reproduce": ":material/close:",
    "undecided": ":material/question_mark:",
}


def claim_panel(workspace: Workspace, model: VisionLanguageModel, claim: Claim[Any], jobs: PageJobs) -> None:
    """Everything about one claim. `jobs` are the page's."""
    view = workspace.view(ClaimsView)
    with st.container(border=True):
        _definition(claim)
    stands = standing(view, model, claim)
    run_controls(view, model, claim, stands, jobs)
    verdict_box(claim, stands)
    if stands.report is not None:
        folded(*_measured(model, stands, stands.report))
        figure_charts(stands.report.figures)
        with st.container(horizontal=True, gap="small"):
            rows = figure_rows(stands.report.figures, stands.report.heads)
            save_table(rows, claim.key, f"claim_{claim.key}_csv")
            copy_code(claim_script(kept_model(model.card.fingerprint), claim.key, stands.report.asked))
    _examples(workspace, model, claim, jobs)
    if claim.beside_twin:
        beside_twin(workspace, model, claim, jobs)
    if stands.report is not None:
        head_tables(stands.report.heads)


def verdict_box(claim: Claim[Any], stands: Standing, *, named: bool = False) -> None:
    """The verdict with its reason in figures; in full also what became of each condition of the rule. `named`: under
    the claim's name, in short."""
    verdict = verdict_of(stands.report)
    key = f"{'verdict' if named else 'claim'}_{claim.key}"
    with st.container(border=True, gap="xsmall", key=key):
        said = f"{escaped(claim.name)}**: {verdict}" if named else f"{verdict[:1].upper()}{verdict[1:]}.**"
        st.markdown(f"{ICONS[verdict]} **{said}")
        if stands.report is None:
            if not named:
                st.caption(
                    "Run it to see a verdict here. If you stop it, the verdict is of the scenes measured so far."
                )
            return
        st.text(stands.report.because)
        if not named:
            for condition, outcome in stands.report.conditions.items():
                st.caption(f"{MARKS[outcome]} {escaped(condition)}")


def _definition(claim: Claim[Any]) -> None:
    st.markdown(f"**Claim.** {escaped(claim.says)}")
    st.caption(f"{escaped(claim.paper)} · {escaped(claim.link)}")
    for title, text in (
        ("Measured", claim.measured),
        ("Control", claim.control),
        ("Rule, set in advance", claim.rule),
    ):
        st.markdown(f"**{title}.** {escaped(text)}")
    if claim.planted:
        st.markdown(f":material/psychiatry: **In the training of the embedded model.** {escaped(claim.planted)}")
    settings = ", ".join(f"{name} {value}" for name, value in claim.settings.items())
    told = f" Settings: {escaped(settings)}." if settings else ""
    st.caption(f"What it cannot tell: {escaped(claim.caveat)} {MEANING}{told}")


def _measured(model: VisionLanguageModel, stands: Standing, report: Report) -> tuple[str, str]:
    """On what, in a sentence; and when and how long."""
    stopped = ", stopped before the end" if report.stopped else ""
    where = "Measured in this tab"
    if not stands.here and stands.committed is not None:
        libraries = ", ".join(f"{name} {version}" for name, version in stands.committed.versions.items())
        where = f"Comes with Sightline; begun {escaped(stands.committed.begun)} with {escaped(libraries)}"
    return (
        f"{escaped(model.card.name)} on {counted(report.asked, 'scene')}{stopped}. Lines and brackets are 95% "
        "intervals over n scenes.",
        f"{where}. {report.used:,} of the scenes could be used. {duration(report.seconds)}.",
    )


def _examples(workspace: Workspace, model: VisionLanguageModel, claim: Claim[Any], jobs: PageJobs) -> None:
    view = workspace.view(ClaimsView)
    examples = view.results.get(EXAMPLES, report_key(model, claim))
    named = "The first scene" if claim.shown == 1 else f"The first {claim.shown} scenes"
    st.subheader(named, anchor=False)
    if examples is None:
        whose = "Its" if claim.shown == 1 else "Their"
        st.caption(f"{whose} answers, with what was measured of each, open in any explorer.")
        if st.button("Show the answers", icon=":material/image_search:", key="claim_examples"):
            measure_examples(view, model, claim, jobs)
        return
    example_cards(workspace, examples, f"open_{claim.key}")
    if claim.compares_shares:
        st.markdown("**Image against text**")
        image_against_text(examples)
