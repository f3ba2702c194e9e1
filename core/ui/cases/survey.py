"""Do answers contradict each other where they rest little on the picture? Asked of many drawn scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ...cases.street import FAMILIES, street_cases
from ...cases.survey import (
    LEAST,
    LEAST_APART,
    MEASURES,
    Correlation,
    correlations,
    expected,
    read_survey,
    survey,
)
from ...charts.intervals import Dot, Pair, interval_chart
from ...counted import counted
from ...errors import JournalError
from ...reports.case_scripts import survey_script
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..widgets import spoken
from ..widgets.folded import folded
from ..widgets.forecasts import foretold
from ..widgets.scripts import copy_code, kept_model
from ..widgets.taken_charts import pair_rows, save_chart
from .files import results_home
from .view import CasesView


def survey_panel(view: CasesView, model: VisionLanguageModel) -> None:
    """The hypothesis, a run over drawn scenes that can be taken up again, and its correlations."""
    st.subheader("Over many pictures", anchor=False)
    st.caption(
        "Hypothesis (Stan et al. 2024): answers contradict each other where they rest little on the picture. Each "
        "scene's question is asked in all its wordings; the rate of contradictions is correlated with how far the "
        "answers rest on the picture. Below zero speaks for it; a correlation says nothing of causes."
    )
    file = results_home() / f"survey-{model.card.fingerprint[:8]}.jsonl"
    _run(view, model, file)
    try:
        lines = read_survey(file) if file.exists() else ()
    except JournalError as error:
        st.text(str(error))
        return
    if not lines:
        return
    each = int(st.session_state.get("survey_each", 8))
    copy_code(survey_script(kept_model(model.card.fingerprint), each))
    contradicting = sum(line.contradictions > 0 for line in lines)
    asked = counted(len(lines), "question")
    get = "gets" if contradicting == 1 else "get"
    st.text(f"{asked}, of which {contradicting} {get} answers that cannot both be true.")
    with st.container(horizontal=True, gap="medium"):
        for measure, name in MEASURES.items():
            measured = [one for one in correlations(lines) if one.measure == measure]
            with st.container(width="content"):
                st.markdown(f"**Contradictions against {name}**")
                chart = interval_chart([_pair(one) for one in measured], title="rank correlation", domain=(-1.0, 1.0))
                st.altair_chart(chart, width="content", alt=f"correlation of contradictions with {name}")
                rows = pair_rows([_pair(one) for one in measured])
                save_chart(chart, f"contradictions-{measure}", f"save_survey_{measure}", rows)
                st.caption(said(measured))
    folded(
        "Lines and brackets are 95% intervals over the n scenes (bootstrap).",
        f"There is none of fewer than {LEAST} scenes, and none where fewer than {LEAST_APART} are contradicted "
        "otherwise than the rest. Over all families together the correlation also tells families apart, some of which "
        "are contradicted more and rest less on the picture: look at each, too.",
    )


def _run(view: CasesView, model: VisionLanguageModel, file: Path) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        each = int(
            st.number_input("Scenes of each family", 1, 200, 8, key="survey_each", persist_state="session", width=170)
        )
        clicked = st.button("Survey them", icon=":material/query_stats:", key="survey_run")
        st.caption(f"{len(FAMILIES)} families; kept in {file.name}, and continued next time.", width="content")
    key = ("survey", str(file), each)
    told = expected(model, each * len(FAMILIES))
    foretold(told, "Fewer scenes take proportionally less time. Finished scenes are kept after a stop.")
    if clicked:

        def run(cancel: CancelToken, report: Report) -> None:
            survey(model, list(street_cases(each)), file, cancel=cancel, progress=report)

        view.jobs.start(model, key, "surveying drawn scenes", "survey", run, told)
    view.jobs.tell(key)


def _pair(one: Correlation) -> Pair:
    told = "none" if math.isnan(one.estimate.value) else spoken.change(one.estimate)
    return Pair(one.family or "all families", Dot(f"n {one.estimate.count}", one.estimate, told))


def said(measured: Sequence[Correlation]) -> str:
    """What the correlations with one measure, of all families and of each, say to the hypothesis."""
    pooled, *families = measured
    told = {
        "": "says nothing of the hypothesis yet",
        "undecided": "is undecided about the hypothesis, for the interval holds zero",
        "for": "speaks for the hypothesis",
        "against": "speaks against the hypothesis",
    }[pooled.speaks]
    within = [one.speaks for one in families if one.speaks]
    if not within:
        return f"All families together: this {told}. No family can tell."
    sides = ", ".join(f"{within.count(side)} {side}" for side in ("for", "against", "undecided"))
    return f"All families together: this {told}. Within families, of {len(within)} that can tell: {sides}."
