"""Measuring claims again from a page: on so many scenes, stoppable, and going on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from ....claims.claim import Claim
from ....claims.report import Report
from ....claims.run import examples_of, run_claims
from ....claims.verdict import LEAST
from ....counted import counted
from ....vlm.cancel import CancelToken
from ....vlm.forecast import Forecast
from ....vlm.model import VisionLanguageModel
from ....vlm.pass_costs import NOTHING
from ...jobs.page import PageJobs
from ...jobs.page import Report as Progress
from ..forecasts import foretold
from .view import EXAMPLES, REPORTS, ClaimsView, Standing, report_key, standing

MOST_SCENES = 1000
SCENES_HELP = (
    f"Held out: training never draws them. Fewer than {LEAST} decide nothing. What was measured is kept in this tab: a "
    "larger number goes on from there."
)


def run_controls(
    view: ClaimsView, model: VisionLanguageModel, claim: Claim[Any], stands: Standing, jobs: PageJobs
) -> None:
    """How many scenes, the button that measures them, and the way back to what comes with Sightline."""
    number, key = f"scenes_{claim.key}", report_key(model, claim)
    scenes = min(max(1, view.scenes.get(claim.key, claim.scenes)), MOST_SCENES)

    def changed() -> None:
        view.scenes[claim.key] = int(st.session_state[number])

    st.session_state[number] = scenes
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.number_input("Scenes", 1, MOST_SCENES, step=1, key=number, on_change=changed, width=130, help=SCENES_HELP)
        own = stands.report if stands.here else None
        clicked = st.button(
            _label(scenes, stands.report, own),
            type="primary",
            icon=":material/play_arrow:",
            key="run_claim",
            disabled=own is not None and own.asked == scenes,
        )
        if own is not None and stands.committed is not None:
            st.button(
                "Back to the result that comes along", on_click=view.results.drop, args=(REPORTS, key), key="claim_back"
            )
    begun = 0 if own is None else own.asked
    known = own or stands.report
    if known is not None and scenes > begun:
        foretold(
            known.expected(scenes - begun),
            "Estimated from the pace of earlier runs. Fewer scenes take proportionally less time.",
        )
    if clicked:
        measure_claims(view, model, [claim], scenes, jobs)
    tell_stop(view, jobs, key)


def measure_claims(
    view: ClaimsView, model: VisionLanguageModel, claims: Sequence[Claim[Any]], scenes: int, jobs: PageJobs
) -> None:
    """Measure some claims on so many scenes each, going on with what this tab has measured, and draw again."""
    journal = view.journal(model)
    keys = [claim.key for claim in claims]

    def measure(cancel: CancelToken, progress: Progress) -> None:
        results = run_claims(model, journal, scenes, keys, cancel=cancel, progress=progress)
        view.keep(results)

    one = len(claims) == 1
    key = report_key(model, claims[0]) if one else (model.card.fingerprint, "all")
    purpose = f"measuring {counted(scenes, 'scene')}{'' if one else ' for each claim'}"
    told = expected(view, model, claims, scenes)
    jobs.start(model, key, purpose, "claim", measure, told)


def expected(view: ClaimsView, model: VisionLanguageModel, claims: Sequence[Claim[Any]], scenes: int) -> Forecast:
    """How many scenes that is in all, and how long those take that this tab has not measured; None seconds where a
    claim was never measured."""
    seconds: float | None = 0.0
    for claim in claims:
        stands = standing(view, model, claim)
        known = stands.report
        begun = known.asked if known is not None and stands.here else 0
        each = None if known is None else known.expected(max(0, scenes - begun)).seconds
        seconds = None if seconds is None or each is None else seconds + each
    return Forecast(NOTHING, seconds, scenes * len(claims), "scene")


def measure_examples(view: ClaimsView, model: VisionLanguageModel, claim: Claim[Any], jobs: PageJobs) -> None:
    """Measure the first scenes alone, for their answers, and draw again."""
    key = report_key(model, claim)

    def measure(cancel: CancelToken, progress: Progress) -> None:
        view.results.keep(EXAMPLES, key, examples_of(claim, model, cancel, progress))

    known = standing(view, model, claim).report
    told = None if known is None else known.expected(claim.shown)
    jobs.start(model, key, "measuring the first scenes", "examples", measure, told)


def tell_stop(view: ClaimsView, jobs: PageJobs, key: tuple[str, str]) -> None:
    """What happened to a run that was stopped or failed."""
    if jobs.tell(key) and view.journals is not None:
        st.caption("What was measured is kept in this tab: run again to go on from there.")


def _label(scenes: int, known: Report | None, own: Report | None) -> str:
    """What the button does."""
    if own is not None and own.asked < scenes:
        return f"Go on to {counted(scenes, 'scene')}"
    return f"Run on {counted(scenes, 'scene')}" if known is None else f"Run again on {counted(scenes, 'scene')}"
