"""How the methods stand: the committed league as a table and as a chart, with the command and the rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from ...cases.further.base import Column, Further
from ...cases.further.registry import further_of
from ...cases.league_file import LeagueFile, read_league_file
from ...cases.measured import measured
from ...cases.ranking import QUICK, League, MethodRank
from ...charts.league import Entry, league_chart
from ...errors import JournalError
from ...evidence.metric import ARROWS, MapMetric
from ...evidence.registry import map_metrics
from ...reports.case_scripts import league_script
from ...statistics.estimate import Estimate
from ...vlm.memory import readable_bytes
from ...vlm.model import VisionLanguageModel
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.evidence.figures import meanings
from ..widgets.folded import folded
from ..widgets.scripts import copy_code, show_command
from ..widgets.tables import save_table
from ..widgets.taken_charts import save_chart
from .folder_league import chosen_league, run_panel, told_panel
from .true_effects import true_effects_part

EVERY = "all families"


def league_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """The league that comes along, or one that was run on a folder with this model; and running one."""
    run_panel(workspace, model)
    kept = chosen_league(model)
    try:
        file = read_league_file() if kept is None else LeagueFile(kept.of.league, kept.command, kept.of.rule)
    except JournalError as error:
        st.text(str(error))
        show_command("sightline league --cases 200 --out league.jsonl --summary league.json")
        return
    if kept is None:
        _told(file, model)
    else:
        told_panel(kept)
    try:
        further = further_of(file.league.model)
    except JournalError as error:
        st.text(str(error))
        further = []
    columns = {column.key: column for one in further for column in one.columns}
    quick = QUICK if kept is None else kept.of.quick
    metrics = map_metrics()
    named = {key: _headed(metric) for key, metric in (metrics | columns).items()}
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        metric = st.selectbox(
            "Metric",
            list(named),
            format_func=lambda key: named[key],
            index=list(named).index("deletion"),
            key="league_metric",
            persist_state="session",
            width=230,
        )
        family = st.selectbox(
            "Questions", [EVERY, *file.league.asked], key="league_family", persist_state="session", width=200
        )
        meanings()
    chosen = None if family == EVERY else family
    if metric in columns:
        _chart(file.league, quick, columns[metric], columns[metric].figures)
    else:
        _chart(
            file.league,
            quick,
            metrics[metric],
            {row.method: _figure(row, metric, chosen) for row in file.league.ranking},
        )
    for one in further:
        _measured(one)
    _table(file.league, chosen, tuple(columns.values()))
    true_effects_part(model)


def _headed(of: MapMetric | Column) -> str:
    return f"{of.name} {ARROWS[of.better]}"


def _measured(one: Further) -> None:
    """What a measurement that gives further columns is of, its columns one by one, and its command."""
    each = "\n".join(f"- {escaped(column.name)}: {escaped(column.help)}" for column in one.columns)
    folded(
        f"{escaped(one.name)}: columns of a measurement of its own, over all families of questions.",
        f"{escaped(one.told)}\n\n{each}\n\n`{one.command}`",
    )


def _told(file: LeagueFile, model: VisionLanguageModel) -> None:
    league = file.league
    names = {standing.method: standing.name for standing in league.ranking}
    with st.container(border=True):
        if league.recommended is not None:
            st.markdown(f":material/trophy: **Recommended: {escaped(names[league.recommended])}**")
        if league.leader not in (None, league.recommended):
            st.markdown(f"Best for those who can wait: {escaped(names[league.leader])}")
        if league.not_told_apart:
            st.text(league.not_told_apart)
        st.text(file.rule)
    right = ", ".join(f"{family} {league.right[family]} of {count}" for family, count in league.asked.items())
    other = "" if league.model == model.card.fingerprint else " It is of another model than the one in use."
    settings = ", ".join(f"{name} {value}" for name, value in league.settings.items())
    folded(
        f"{escaped(league.model_name)} on drawn, held-out scenes.{other}",
        f"Only answers that are right are scored: {escaped(right)}. Settings: {escaped(settings)}.",
    )
    st.caption(escaped(measured(league.settings)))
    st.caption("To run it again, or to continue it:")
    show_command(file.command)


def _figure(standing: MethodRank, metric: str, family: str | None) -> Estimate:
    """The figure over all cases with its interval, or one family's mean, which has none."""
    if family is None:
        return standing.figures[metric]
    value = standing.by_family.get(family, {}).get(metric, math.nan)
    return Estimate(value, value, value, standing.cases, standing.figures[metric].unit)


def _chart(league: League, quick: float, of: MapMetric | Column, figures: Mapping[str, Estimate]) -> None:
    """Of the methods that have a figure."""
    entries = [
        Entry(
            standing.name,
            figures[standing.method],
            standing.processor,
            standing.method == league.recommended,
        )
        for standing in league.ranking
        if standing.method in figures
    ]
    name = of.name
    try:
        chart = league_chart(entries, metric=name, quick=quick)
    except ValueError:
        st.caption("No method was scored on these questions.")
        return
    st.altair_chart(chart, width="content", alt=f"{name} of each method against seconds")
    save_chart(chart, f"league-{of.key}", "save_league")
    st.caption(
        f"{ARROWS[of.better]} {of.better} is better. Vertical lines are 95% "
        f"intervals over cases, dashed ones the controls; right of the dotted line a map takes more than {quick:.2g} s."
    )


def _table(league: League, family: str | None, columns: Sequence[Column]) -> None:
    rows = [_row(standing, family, standing.method == league.recommended, columns) for standing in league.ranking]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")
    with st.container(horizontal=True, gap="small"):
        save_table(rows, "league", "league_csv")
        copy_code(league_script())


def _row(
    standing: MethodRank, family: str | None, recommended: bool, columns: Sequence[Column]
) -> dict[str, str | float | None]:
    row: dict[str, str | float | None] = {
        "method": f"★ {standing.name}" if recommended else standing.name,
        "mean rank": None if standing.mean_rank is None else round(standing.mean_rank, 2),
    }
    for key, metric in map_metrics().items():
        figure = _figure(standing, key, family)
        ends = "" if family else f" ({figure.low:.2f}–{figure.high:.2f})"
        row[_headed(metric)] = "–" if math.isnan(figure.value) else f"{figure.value:.3f}{ends}"
    for column in columns:
        further = column.figures.get(standing.method)
        row[_headed(column)] = "–" if further is None else _ends(further, column.digits)
    row["seconds"] = None if standing.processor is None else round(standing.processor, 3)
    row["extra memory"] = "" if standing.bytes is None else readable_bytes(round(standing.bytes))
    row["shuffled weights ↓"] = None if math.isnan(standing.shuffled.value) else round(standing.shuffled.value, 2)
    row["cases"] = float(standing.cases)
    return row


def _ends(figure: Estimate, digits: str) -> str:
    return f"{figure.value:{digits}} ({figure.low:{digits}}–{figure.high:{digits}})"
