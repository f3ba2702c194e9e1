"""What came of a run: its rates, and a table to filter, sort and click."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import streamlit as st

from ...cases.formats.registry import rates_of
from ...cases.notes import Note, notes_file, read_notes
from ...cases.rates import Rate
from ...cases.results import Result, Run, crop_sentence
from ...cases.street import FAMILIES
from ...charts.intervals import Dot, Pair, interval_chart
from ...charts.tokens import cut
from ...counted import counted
from ...errors import NotesError
from ...reports.case_scripts import benchmark_script
from ...statistics.bootstrap import mean
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets import spoken
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.scripts import copy_code, kept_model
from ..widgets.tables import save_table
from ..widgets.taken_charts import pair_rows, save_chart
from .deciding import deciding_panel
from .one_case import one_case_panel
from .view import Benchmark, BenchmarkView, CasesView

Filter = Literal["all", "wrong", "right", "not asked", "noted"]
Order = Literal["image dependence, least first", "order of the set", "log-probability, least first"]
LONGEST = 300
HEIGHT = 420


def run_results(workspace: Workspace, model: VisionLanguageModel, chosen: Benchmark, file: Path, run: Run) -> None:
    """Rates, table, and the case that was clicked."""
    view = workspace.view(CasesView).benchmark
    with st.container(horizontal=True, gap="large"):
        _rates(rates_of(run))
        _dependence(run)
    _script(model, chosen, run)
    deciding_panel(run, file)
    if cut := crop_sentence(run):
        st.caption(f":material/crop: {cut}")
    notes = _notes(view, file)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        which = st.segmented_control(
            "Show",
            get_args(Filter),
            default="wrong",
            required=True,
            key="cases_filter",
            persist_state="session",
            wrap=True,
        )
        order = st.selectbox("Order", get_args(Order), key="cases_order", persist_state="session", width=260)
    shown = ordered(filtered(run.results, which, notes), order)
    if not shown:
        st.caption(f"There is no case of this kind: {which}." if run.results else "No case is answered yet.")
        return
    _table(view, shown, notes, f"{file}_{which}_{order}")
    folded(
        f"{len(shown):,} of {counted(len(run.results), 'case')} of {escaped(run.set_of_cases)}, answered by "
        f"{escaped(run.model_name)}. Tick a case to look into it.",
        "Image dependence: the log-probability of the answer with the picture, minus that with a black one (nats, "
        "summed over its tokens, so long answers have more). Near zero, the picture did not matter; below zero, it "
        "speaks against what was said.",
    )
    result = next((one for one in shown if one.id == view.case), None)
    case = None if result is None else chosen.by_id.get(result.id)
    if result is not None:
        one_case_panel(workspace, model, chosen, case, result, notes, file)


def _rates(rates: Sequence[Rate]) -> None:
    lines = [
        Pair(_named(rate), Dot(f"of {rate.estimate.count:,}", rate.estimate, spoken.share(rate.estimate)))
        for rate in rates
    ]
    if lines:
        chart = interval_chart(lines, title="share", domain=(0.0, 1.0))
        st.altair_chart(chart, width="content", alt="; ".join(f"{line.what}: {line.figure.text}" for line in lines))
        save_chart(chart, "rates", "save_rates", pair_rows(lines))


def _dependence(run: Run) -> None:
    """How far right and wrong answers rest on the picture."""
    dots = []
    for name, right in (("right answers", True), ("wrong answers", False)):
        values = [one.dependence for one in run.results if one.right is right and one.dependence is not None]
        dependence = mean(values, "nats")
        told = f"{spoken.change(dependence)}, n {dependence.count:,}" if dependence.count else "none"
        dots.append(Dot(name, dependence, told))
    if any(math.isfinite(dot.estimate.value) for dot in dots):
        pair = Pair("image dependence, the mean over answers", dots[0], dots[1])
        chart = interval_chart([pair], title="nats")
        st.altair_chart(chart, width="content", alt="image dependence of the answers")
        save_chart(chart, "image-dependence", "save_dependence", pair_rows([pair]))


def _named(rate: Rate) -> str:
    group = f"{rate.group}: " if rate.group else ""
    return f"{group}{rate.name} ({rate.meaning})"


def _notes(view: BenchmarkView, file: Path) -> Mapping[str, Note]:
    """Everything that was noted; a sentence where that cannot be read."""
    place = notes_file(file)
    try:
        return read_notes(view.noted_in.get(place, place))
    except NotesError as error:
        st.text(str(error))
        return {}


def filtered(results: Sequence[Result], which: Filter, notes: Mapping[str, Note]) -> list[Result]:
    """The results of a kind."""
    kinds = {
        "all": lambda result: True,
        "wrong": lambda result: result.right is False,
        "right": lambda result: result.right is True,
        "not asked": lambda result: not result.answered,
        "noted": lambda result: result.id in notes,
    }
    return [result for result in results if kinds[which](result)]


def ordered(results: Sequence[Result], order: Order) -> list[Result]:
    """The results in an order; those without the figure last."""
    if order == "order of the set":
        return sorted(results, key=lambda result: result.number)
    by_dependence = order.startswith("image")

    def figure(result: Result) -> float:
        value = result.dependence if by_dependence else result.logprob
        return math.inf if value is None else value

    return sorted(results, key=figure)


def _table(view: BenchmarkView, shown: Sequence[Result], notes: Mapping[str, Note], state: str) -> None:
    ids = [result.id for result in shown]
    key = f"cases_table_{state}"

    def clicked() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        view.case = ids[rows[0]] if rows and rows[0] < len(ids) else None

    st.dataframe(
        pd.DataFrame([_row(result, notes.get(result.id, Note())) for result in shown]),
        hide_index=True,
        placeholder="–",
        height=min(HEIGHT, 37 + 35 * len(shown)),
        key=key,
        on_select=clicked,
        selection_mode="single-row",
        column_config={
            "image dependence": st.column_config.NumberColumn(format="%.3f", width=124, help="In nats: see below."),
            "log-probability": st.column_config.NumberColumn(format="%.3f", width=112, help="Of the answer, in nats."),
            "question": st.column_config.TextColumn(width=270),
            "said": st.column_config.TextColumn(width=230),
        },
    )
    save_table([_row(result, notes.get(result.id, Note()), None) for result in shown], "cases", f"{key}_csv")


def _script(model: VisionLanguageModel, chosen: Benchmark, run: Run) -> None:
    """The code that asks these cases and prints their rates."""
    each = -(-len(chosen.cases) // len(FAMILIES))
    kept = kept_model(model.card.fingerprint)
    text = benchmark_script(kept, chosen.name, chosen.folder, len(run.results), each)
    copy_code(text, "It needs Sightline and the folder." if chosen.folder else "It needs Sightline alone.")


def _row(result: Result, note: Note, longest: int | None = LONGEST) -> dict[str, Any]:
    """A line of the table, its texts cut where there is a longest."""

    def shortened(text: str) -> str:
        return text if longest is None else cut(text, longest)

    verdict = {True: "right", False: "wrong", None: "not judged" if result.answered else "not asked"}[result.right]
    return {
        "case": result.id,
        "verdict": verdict,
        "question": shortened(result.question),
        "expected": shortened(" or ".join(filter(None, result.expected))),
        "said": shortened(result.said or result.problem or ""),
        "image dependence": result.dependence,
        "log-probability": result.logprob,
        "tags": ", ".join(note.tags),
        "note": shortened(note.text),
    }
