"""Doubt: how well each signal tells wrong from right, measured here, and the calibration that Chat marks words by."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import pandas as pd
import streamlit as st

from ...cases.case import Case
from ...cases.formats.registry import formats, read_folder
from ...doubt.cases import PARTS, doubt_cases
from ...doubt.figures import Group
from ...doubt.kept import STREET as SET
from ...doubt.kept import Doubt, doubt, measured_on
from ...doubt.kept_files import doubt_journal, keep_doubt, kept_doubt
from ...doubt.run import expected, run_doubt
from ...doubt.table import calibration_sentence, name_of, title
from ...errors import SightlineError
from ...gate.folders import allowed
from ...reports.case_scripts import doubt_script
from ...statistics.estimate import Estimate
from ...vlm.cancel import CancelToken
from ...vlm.loading import EMBEDDED
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.person import home
from ..state.workspace import Workspace
from ..widgets.folded import folded
from ..widgets.forecasts import foretold
from ..widgets.scripts import copy_code, kept_model, show_command
from ..widgets.tables import Row, save_table
from .view import CasesView

GUESS = "find out"
LONGEST_PATH = 1000


def doubt_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """What is known of the model's doubt, and below it how it is measured."""
    st.text(
        "Some figures of a word may tell that it is wrong, or that what it names is not there. Which of them do is "
        "measured here where right answers are known, beside the word's own log-probability."
    )
    known = kept_doubt(home(), model.card.fingerprint)
    if known is None:
        st.info(
            "Nothing was measured for this model as it is loaded, so Chat marks no words. Choose cases below and click "
            "Measure.",
            icon=":material/rule:",
        )
    else:
        _known(*known)
    _measure(workspace, model)


def _known(found: Doubt, command: str) -> None:
    st.text(f"{found.model_name}: {found.asked:,} of {found.cases:,} cases. {found.measured_on}")
    titles = [title(group) for group in found.groups]
    chosen = st.selectbox(
        "What is told apart", range(len(titles)), format_func=titles.__getitem__, key="cases_doubt_of"
    )
    group = found.groups[chosen]
    if group.rows:
        st.dataframe(pd.DataFrame(_rows(group)), hide_index=True, height="content", placeholder="–")
        with st.container(horizontal=True, gap="small"):
            save_table([row for one in found.groups for row in _rows(one, whole=True)], "doubt", "doubt_table_csv")
            _script(found, command)
        folded(
            "AUROC: how often a wrong one has more doubt than a right one; .5 is chance, below it the signal points "
            "the other way.",
            "With 95 % intervals over cases (drawn with all their words). *Above log-probability* is paired. The "
            "combination is logistic regression, told of scores out of fold. Families have rows of their own: a signal "
            "may tell questions apart, and not answers.",
        )
    else:
        st.text(group.why)
    for one in found.calibrations:
        st.text(calibration_sentence(found, one.tier))
    if found.uncalibrated:
        st.text(found.uncalibrated)
    st.caption("To measure it again, or to continue it:")
    show_command(command)


def _script(found: Doubt, command: str) -> None:
    """The code that measures it again: on drawn cases, or on the folder that the command names."""
    drawn = found.measured_on == measured_on(SET, found.cases)
    text = doubt_script(kept_model(found.model) or EMBEDDED, found.cases, command)
    copy_code(text, "It needs Sightline alone." if drawn else "It needs Sightline and the folder.")


def _measure(workspace: Workspace, model: VisionLanguageModel) -> None:
    view = workspace.view(CasesView)
    with st.expander("Measure it, with the model in use", icon=":material/rule:"):
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
            names = {SET: "drawn scenes (no folder)", GUESS: "a folder, find out by itself"}
            names |= {key: one.name for key, one in formats().items()}
            form = st.selectbox("Cases", list(names), format_func=names.__getitem__, key="cases_doubt_form", width=230)
            typed = ""
            if form == SET:
                number = int(st.number_input("Of each family", 1, 500, 40, key="cases_doubt_each", width=140))
            else:
                typed = st.text_input(
                    "Folder",
                    placeholder="the path of a folder on this machine",
                    max_chars=LONGEST_PATH,
                    key="cases_doubt_folder",
                    width=360,
                ).strip()
                number = int(st.number_input("Cases", 1, 100_000, 300, key="cases_doubt_most", width=110))
            clicked = st.button("Measure", type="primary", icon=":material/play_arrow:", key="doubt_run")
        told = expected(model, PARTS * number if form == SET else number)
        foretold(told, "Finished cases are kept, and a run that was stopped continues after them.")
        key = ("doubt", form, typed, number, model.card.fingerprint)
        if clicked:
            opened = _opened(form, typed, number)
            if opened is not None:
                name, place, cases = opened
                journal = doubt_journal(home(), model.card.fingerprint, name, place)
                how = f"--street {number}" if form == SET else f'"{place}" --limit {number}'
                command = f"sightline doubt {how} --out doubt.jsonl --summary doubt.json"

                def run(cancel: CancelToken, report: Report) -> None:
                    lines = run_doubt(model, cases, journal, name=name, folder=place, progress=report, cancel=cancel)
                    if lines:
                        keep_doubt(doubt(model.card, measured_on(name, len(lines)), lines), journal, command)

                view.jobs.start(model, key, "measuring doubt", "doubt", run, told)
        view.jobs.tell(key)


def _opened(form: str, typed: str, number: int) -> tuple[str, str, list[Case]] | None:
    """The set's name, its folder and cases; None, with the reason on screen, where there are none."""
    if form == SET:
        return SET, "", list(doubt_cases(number))
    if not typed:
        st.text("Type the path of the folder first.")
        return None
    try:
        folder = allowed(typed)
        format_, found = read_folder(folder, None if form == GUESS else form)
    except SightlineError as error:
        st.text(str(error))
        return None
    return format_.key, str(Path(folder).resolve()), list(islice(found.cases, number))


def _rows(group: Group, whole: bool = False) -> list[Row]:
    of = {"what": group.label, "family": group.family} if whole else {}
    return [
        {
            **of,
            "signal": name_of(row.signal),
            "AUROC ↑": _ends(row.auroc, ".2f"),
            "above log-probability": _ends(row.beyond, "+.2f"),
            "words without it": row.refused,
        }
        for row in group.rows
    ]


def _ends(one: Estimate, digits: str) -> str:
    if math.isnan(one.value):
        return "–"
    return f"{one.value:{digits}} ({one.low:{digits}} to {one.high:{digits}})"
