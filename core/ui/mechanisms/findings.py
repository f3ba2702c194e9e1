"""Findings: every published claim with how it stands for this model, and one of them in full."""

from __future__ import annotations

import streamlit as st

from ...claims.registry import claims
from ...claims.report import Results, committed_trouble
from ...claims.run import SCENES
from ...counted import counted
from ...vlm.forecast import duration
from ...vlm.model import VisionLanguageModel
from ..jobs.page import PageJobs
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.claims.panel import claim_panel, verdict_box
from ..widgets.claims.running import MOST_SCENES, SCENES_HELP, measure_claims, tell_stop
from ..widgets.claims.view import REPORTS, ClaimsView, committed, report_key, standing
from ..widgets.folded import folded
from ..widgets.scripts import show_command
from .view import MechanismsView

FEW = 20


def findings_panel(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The claims about this model: as they come with Sightline, or as they were measured in this tab."""
    view, known = workspace.view(ClaimsView), claims()
    jobs = workspace.view(MechanismsView).jobs
    _all_again(view, model, jobs)
    stands = {key: standing(view, model, claim) for key, claim in known.items()}
    results = committed(model)
    if results is not None:
        _about(results)
    if (trouble := committed_trouble()) is not None:
        st.text(trouble)
    elif all(one.report is None for one in stands.values()):
        st.info(
            f"Nothing has been measured on {escaped(model.card.name)} yet. A few scenes tell the direction; the "
            f"verdicts that come with the embedded model are of {SCENES} and more.",
            icon=":material/experiment:",
        )
    for key, claim in known.items():
        verdict_box(claim, stands[key], named=True)

    def chosen() -> None:
        view.chosen = st.session_state["findings_chosen"]

    st.session_state["findings_chosen"] = view.chosen if view.chosen in known else next(iter(known))
    key = st.selectbox(
        "In full", list(known), format_func=lambda key: known[key].name, key="findings_chosen", on_change=chosen
    )
    claim_panel(workspace, model, known[key], jobs)


def _all_again(view: ClaimsView, model: VisionLanguageModel, jobs: PageJobs) -> None:
    known = list(claims().values())
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        scenes = int(
            st.number_input(
                "Scenes of each",
                1,
                MOST_SCENES,
                FEW,
                key="findings_scenes",
                persist_state="session",
                width=130,
                help=SCENES_HELP,
            )
        )
        clicked = st.button("Measure all again", icon=":material/replay:", key="findings_again")
        own = [claim for claim in known if standing(view, model, claim).here]
        if own and committed(model) is not None:
            st.button("Back to the results that come along", on_click=_back, args=(view, model), key="findings_back")
    if clicked:
        measure_claims(view, model, known, scenes, jobs)
    tell_stop(view, jobs, (model.card.fingerprint, "all"))


def _back(view: ClaimsView, model: VisionLanguageModel) -> None:
    for claim in claims().values():
        view.results.drop(REPORTS, report_key(model, claim))


def _about(results: Results) -> None:
    libraries = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    scenes = max(report.asked for report in results.reports)
    folded(
        f"{escaped(results.model_name)} on {counted(scenes, 'scene')} for each claim. The rules were set in advance.",
        f"Begun {escaped(results.begun)} with {escaped(libraries)}. {duration(results.seconds)}.",
    )
    show_command(results.command)
