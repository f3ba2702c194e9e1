"""A benchmark from a folder: which, checked before it is run, run so that it can be stopped and taken up again."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import streamlit as st

from ...cases.formats.registry import formats, read_folder
from ...cases.results import Run
from ...cases.runner import expected, run_cases
from ...cases.street import FAMILIES, street_cases
from ...counted import counted
from ...errors import FolderError, JournalError
from ...gate.folders import allowed
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.forecasts import foretold
from .files import read, results_home
from .results import run_results
from .view import STREET, Benchmark, BenchmarkView, CasesView

GUESS = "find out"
LISTED = 8
"""Problems of a folder that are listed: there may be one for each of thousands of rows."""
LONGEST_PATH = 1000


def folder_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Choose and check a folder; below it the run, and what came of it."""
    view = workspace.view(CasesView)
    _choose(view.benchmark)
    if view.benchmark.trouble is not None:
        st.text(view.benchmark.trouble)
    chosen = view.benchmark.chosen
    if chosen is None:
        _formats()
        return
    _checked(chosen)
    file = _file(chosen, model)
    if file is None:
        return
    try:
        run = read(workspace.results, file)
    except JournalError as error:
        st.text(str(error))
        return
    run = _run(view, model, chosen, file, run)
    if run is not None:
        run_results(workspace, model, chosen, file, run)


def _choose(view: BenchmarkView) -> None:
    names = {GUESS: "find out by itself"} | {key: one.name for key, one in formats().items()}
    names[STREET] = "drawn scenes (no folder)"
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        form = st.selectbox(
            "Format",
            list(names),
            format_func=names.__getitem__,
            key="cases_format",
            persist_state="session",
            width=210,
        )
        if form == STREET:
            each = st.number_input("Of each family", 1, 500, 10, key="cases_each", persist_state="session", width=140)
            path = ""
        else:
            path = st.text_input(
                "Folder",
                placeholder="the path of a folder on this machine",
                max_chars=LONGEST_PATH,
                key="cases_folder",
                persist_state="session",
                width=480,
            ).strip()
        if st.button("Check it", icon=":material/fact_check:", key="cases_check"):
            view.chosen, view.trouble, view.case = None, None, None
            if form == STREET:
                view.chosen = Benchmark(STREET, "", tuple(street_cases(int(each))), ())
            elif not path:
                view.trouble = "Type the path of the folder first."
            else:
                _read(view, path, None if form == GUESS else form)


def _read(view: BenchmarkView, path: str, form: str | None) -> None:
    try:
        folder = allowed(path)
        recognised, cases = read_folder(folder, form)
    except FolderError as error:
        view.trouble = str(error)
        return
    view.chosen = Benchmark(recognised.key, str(folder), cases.cases, cases.problems)


def _formats() -> None:
    """Where each set is to be had, and what its folder must look like."""
    st.caption("Nothing is downloaded. What a folder must look like:")
    for one in formats().values():
        with st.container(border=True):
            st.markdown(f"**{escaped(one.name)}**" + (f" · {escaped(one.paper)}" if one.paper else ""))
            st.text(one.expects)
            if one.published:
                st.caption(f"Published at {escaped(one.published)}")
    st.caption(
        f"Drawn scenes need no folder: {len(FAMILIES)} families of questions ({', '.join(FAMILIES)}) about held-out "
        "scenes whose answers are known."
    )


def _checked(chosen: Benchmark) -> None:
    """What was found in the folder."""
    name = formats()[chosen.name].name if chosen.name in formats() else "Drawn scenes"
    stuck = sum(case.problem is not None for case in chosen.cases)
    asked = f"{counted(len(chosen.cases), 'case')}" + (f", {stuck:,} of which cannot be asked" if stuck else "")
    icon = ":material/warning:" if chosen.problems else ":material/check_circle:"
    with st.container(border=True, key="cases_checked"):
        st.markdown(f"{icon} **{escaped(name)}:** {asked}")
        for problem in chosen.problems[:LISTED]:
            st.text(problem)
        if len(chosen.problems) > LISTED:
            st.caption(f"and {len(chosen.problems) - LISTED} more")


def _file(chosen: Benchmark, model: VisionLanguageModel) -> Path | None:
    """The results file: one of its own for each model and folder, unless somebody names another."""
    place = hashlib.sha256(chosen.folder.encode("utf-8", "replace")).hexdigest()[:6]
    named = re.sub(r"[^0-9A-Za-z]+", "-", Path(chosen.folder).name).strip("-")[:30]
    stem = "-".join(filter(None, (chosen.name, named, place if chosen.folder else "", model.card.fingerprint[:8])))
    proposed = str(results_home() / f"{stem}.jsonl")
    typed = st.text_input(
        "Results file",
        proposed,
        max_chars=LONGEST_PATH,
        key=f"cases_file_{stem}",
        help="One line for each case. What is in it already is not asked again, so a run that was stopped, or killed, "
        "goes on where it was.",
    ).strip()
    if not typed:
        st.text("Name a file for the results.")
        return None
    try:
        return allowed(typed, [results_home()])
    except FolderError as error:
        st.text(str(error))
        return None


def _run(view: CasesView, model: VisionLanguageModel, chosen: Benchmark, file: Path, run: Run | None) -> Run | None:
    """The button, and how far the run has come."""
    total = len(chosen.cases)
    done = 0 if run is None else len({result.id for result in run.results} & set(chosen.by_id))
    key = ("run", str(file), model.card.fingerprint)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        most = int(st.number_input("Cases", 1, total, total, key=f"cases_most_{total}", width=140))
        label = "All are asked" if done >= total else f"Go on ({done:,} of {total:,} done)" if done else "Run"
        clicked = st.button(
            label,
            type="primary",
            icon=":material/play_arrow:",
            key="cases_run",
            disabled=done >= most,
            help="Each case is asked once, greedily, and the answer's dependence on the picture is measured.",
        )
    told = expected(model, most - done) if most > done else None
    foretold(told, "Finished cases are kept, and a run that was stopped continues after them.")
    if clicked:

        def ask(cancel: CancelToken, report: Report) -> None:
            cases, name, folder = chosen.cases[:most], chosen.name, chosen.folder
            run_cases(model, cases, file, name=name, folder=folder, cancel=cancel, progress=report)

        view.jobs.start(model, key, f"asking {most:,} cases", "cases", ask, told)
    view.jobs.tell(key)
    return run
