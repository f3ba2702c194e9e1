"""Two models, or two checkpoints of one, on the same cases: from two results files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from ...cases.compare import Comparison, compare
from ...cases.results import Result, Run
from ...charts.intervals import Dot, Pair, interval_chart
from ...counted import counted
from ...errors import JournalError, SightlineError
from ...gate.folders import allowed
from ...reports.case_scripts import two_models_script
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets import spoken
from ..widgets.chips import escaped
from ..widgets.scripts import copy_code
from ..widgets.tables import save_table
from ..widgets.taken_charts import pair_rows, save_chart
from .files import known_runs, read, results_home

LONGEST = 200


def two_models_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Choose two files; the agreement, and the cases where the two differ."""
    st.caption(
        "Run the same cases with two models (under Benchmarks from a folder, or with sightline cases run), and "
        "set their results beside each other."
    )
    known = known_runs()
    with st.container(horizontal=True, gap="medium"):
        first, second = (_file(number, known) for number in ("First", "Second"))
    if not first or not second:
        there = f"{len(known)} results files are" if len(known) != 1 else "One results file is"
        st.caption(f"{there} in {escaped(str(results_home()))}. Choose two of one set.")
        return
    try:
        runs = [_run(workspace, path) for path in (first, second)]
        comparison = compare(*runs)
    except SightlineError as error:
        st.text(str(error))
        return
    _agreement(runs[0], runs[1], comparison)
    copy_code(two_models_script(first, second), "It needs Sightline and both files.")
    _differing(runs[0], runs[1], comparison)


def _file(number: str, known: list[str]) -> str:
    chosen = st.selectbox(
        f"{number} results file",
        known,
        index=None,
        format_func=lambda path: Path(path).name,
        accept_new_options=True,
        placeholder="choose one, or type its path",
        key=f"compared_{number.lower()}",
        width=430,
    )
    typed = (chosen or "").strip()
    return next((path for path in known if typed in (Path(path).name, Path(path).stem)), typed)


def _run(workspace: Workspace, path: str) -> Run:
    """The run in a file. Raises JournalError, also where there is none, and FolderNotOpen."""
    run = read(workspace.results, allowed(path, [results_home()]))
    if run is None:
        raise JournalError(f"There is no file {path}. Choose a results file.")
    return run


def _agreement(first: Run, second: Run, comparison: Comparison) -> None:
    total, named = len(comparison.pairs), (("First", first), ("Second", second))
    st.text("\n".join(f"{number}: {run.model_name}, {run.about.get('model_source', '')}" for number, run in named))
    st.table(
        pd.DataFrame(
            [[comparison.both, comparison.only_first], [comparison.only_second, comparison.neither]],
            index=["first right", "first wrong"],
            columns=["second right", "second wrong"],
        ),
        width="content",
    )
    gain, same = comparison.gain.estimate, comparison.same.estimate
    lines = [
        Pair("how much more often the second is right", Dot("gain", gain, spoken.share(gain))),
        Pair("cases to which both say the same", Dot("same", same, spoken.share(same))),
    ]
    chart = interval_chart(lines, title="share of the cases", domain=(-1.0, 1.0))
    st.altair_chart(chart, width="content", alt="; ".join(f"{line.what}: {line.figure.text}" for line in lines))
    save_chart(chart, "two-models", "save_two_models", pair_rows(lines))
    apart = (
        f" In one file only, changed, or not to be asked: {counted(comparison.apart, 'case')}."
        if comparison.apart
        else ""
    )
    st.caption(
        f"{counted(total, 'case')} of {escaped(first.set_of_cases)} that both were asked.{apart} If neither model were "
        f"better, a disagreement as uneven as {comparison.only_first:,} to {comparison.only_second:,} would have "
        f"p = {comparison.p_value:.2g} (McNemar's exact test)."
    )


def _differing(first: Run, second: Run, comparison: Comparison) -> None:
    which = st.segmented_control(
        "Cases",
        ("one right, the other wrong", "any two answers"),
        default="one right, the other wrong",
        required=True,
        key="compared_cases",
        persist_state="session",
        wrap=True,
    )
    apart = which == "any two answers"
    pairs = [pair for pair in comparison.pairs if pair[0].said != pair[1].said] if apart else list(comparison.differing)
    if not pairs:
        st.caption("There is no such case.")
        return
    st.dataframe(
        pd.DataFrame([_row(*pair) for pair in pairs]),
        hide_index=True,
        height=min(420, 37 + 35 * len(pairs)),
        placeholder="–",
    )
    save_table([_row(*pair, longest=None) for pair in pairs], "two-models", "two_models_csv")
    st.caption(
        f"{counted(len(pairs), 'case')}. To open one in an explorer, load its model and tick it under Benchmarks from "
        "a folder."
    )


def _row(one: Result, other: Result, longest: int | None = LONGEST) -> dict[str, str]:
    return {
        "case": one.id,
        "question": one.question[:longest],
        "expected": " or ".join(filter(None, one.expected))[:longest],
        "first says": one.said[:longest],
        "second says": other.said[:longest],
        "right": {(True, True): "both", (True, False): "first", (False, True): "second"}.get(
            (bool(one.right), bool(other.right)), "neither"
        ),
    }
