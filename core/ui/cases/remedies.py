"""Do remedies help? The figures that come along, or of a run with the model in use; and running one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from ...cases.case import Case
from ...cases.kept_remedies import KeptRemedies, journal_of, keep_remedies, kept_remedies, read_remedies, sentences
from ...cases.remedied import expected, run_remedies
from ...cases.remedy_figures import FamilyRemedies, RemedyRow
from ...cases.street import FAMILIES, street_cases
from ...charts.intervals import Dot, Pair, interval_chart
from ...errors import JournalError
from ...remedies.registry import remedies
from ...reports.case_scripts import remedies_script
from ...vlm.cancel import CancelToken
from ...vlm.loading import EMBEDDED
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Report
from ..state.person import home
from ..state.workspace import Workspace
from ..widgets import spoken
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.forecasts import foretold
from ..widgets.scripts import copy_code, kept_model, show_command
from ..widgets.tables import Row, save_table
from ..widgets.taken_charts import save_chart
from .folder_league import LONGEST_PATH, opened_folder
from .view import STREET, CasesView

COMMAND = "sightline remedies --street 60 --summary core/assets/remedies.json"
COMES_ALONG = "drawn doors (comes along)"


def remedies_section(workspace: Workspace, model: VisionLanguageModel) -> None:
    """Run remedies on many cases, and what they mended and broke."""
    st.caption(
        "Each case is asked as it is and with every remedy: how often the answers are right before and after, which "
        "turned, whether that is more than chance (McNemar's exact test), and what it cost. Chat tries remedies on one "
        "answer."
    )
    _run(workspace, model)
    kept = _chosen(model)
    if kept is not None:
        _told(kept, model)


def _chosen(model: VisionLanguageModel) -> KeptRemedies | None:
    """The run that is chosen among those kept for this model, the latest at first, or the figures that come along."""
    own = kept_remedies(home(), model.card.fingerprint)
    names = [
        f"{one.found.set_of_cases} {Path(one.found.folder).name}".strip() + f" ({one.found.asked:,} cases)"
        for one in own
    ]
    place = 0
    if own:
        places = [*range(len(own)), len(own)]
        place = st.selectbox(
            "Figures",
            places,
            format_func=lambda number: names[number] if number < len(own) else COMES_ALONG,
            key=f"cases_remedies_{model.card.fingerprint[:8]}",
            width=420,
        )
    if place < len(own):
        return own[place]
    try:
        return read_remedies()
    except JournalError as error:
        st.text(str(error))
        show_command(COMMAND)
        return None


def _told(kept: KeptRemedies, model: VisionLanguageModel) -> None:
    found = kept.found
    if found.model != model.card.fingerprint:
        st.caption(f":material/info: These figures are of {escaped(found.model_name)}, not of the model in use.")
    if not found.families:
        st.info("No case is finished yet.", icon=":material/play_arrow:")
        return
    names = {family.family: f"{family.family} ({family.cases})" for family in found.families}
    name = st.selectbox("Cases of", list(names), format_func=names.__getitem__, key="cases_remedies_family", width=260)
    family = found.of(name)
    assert family is not None
    st.text(summed_up(family))
    rows = [_row(row) for row in family.ranking]
    chart = interval_chart([_pair(row) for row in family.ranking], title="share of right answers", domain=(0, 1))
    st.altair_chart(chart, width="content", alt="share of right answers before and after each remedy")
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")
    with st.container(horizontal=True, gap="small"):
        save_table(rows, "remedies", "cases_remedies_csv")
        save_chart(chart, "remedies", "cases_remedies_chart", rows)
        text = remedies_script(kept_model(found.model) or EMBEDDED, found, kept.command)
        copy_code(text, "It needs Sightline and the folder." if found.folder else "It needs Sightline alone.")
    folded("By which rule a remedy helps or harms.", "\n\n".join(escaped(sentence) for sentence in sentences(found)))
    st.caption("To run it again, or to continue it:")
    show_command(kept.command)


def summed_up(family: FamilyRemedies) -> str:
    """What the figures of a family say, in a sentence."""
    by = {verdict: [row for row in family.ranking if row.verdict == verdict] for verdict in ("helps", "harms")}
    told = [f"{family.right.words} answers are right as they are."]
    for verdict, said in (("helps", "Helped by"), ("harms", "Harmed by")):
        if by[verdict]:
            each = (f"{row.name} ({row.mended} mended, {row.broken} broken)" for row in by[verdict])
            told.append(f"{said}: {'; '.join(each)}.")
    if not by["helps"]:
        told.append("No remedy helps beyond chance.")
    return " ".join(told)


def _pair(row: RemedyRow) -> Pair:
    return Pair(
        row.name,
        Dot("after", row.after, spoken.share(row.after)),
        Dot("before", row.before, spoken.share(row.before)),
    )


def _row(row: RemedyRow) -> Row:
    return {
        "remedy": row.name,
        "right before": spoken.share(row.before),
        "right after": spoken.share(row.after),
        "gain (points)": spoken.points(row.gain),
        "mended": row.mended,
        "broken": row.broken,
        "refused": row.refused,
        "p": f"{row.p_value:.2g}",
        "p (Holm)": f"{row.p_corrected:.2g}",
        "passes": round(row.passes, 1),
        "verdict": row.verdict,
    }


def _run(workspace: Workspace, model: VisionLanguageModel) -> None:
    view, known = workspace.view(CasesView), remedies()
    with st.expander("Try them on many cases, with the model in use", icon=":material/healing:"):
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
            typed = st.text_input(
                "Folder (empty: drawn scenes)",
                placeholder="the path of a folder on this machine",
                max_chars=LONGEST_PATH,
                key="cases_remedies_folder",
                persist_state="session",
                width=360,
            ).strip()
            number = int(st.number_input("Cases", 1, 10_000, 40, key="cases_remedies_number", width=110))
            drawn = "" if typed else st.selectbox("Of", list(FAMILIES), index=6, key="cases_remedies_of", width=190)
        chosen = st.multiselect(
            "Remedies", list(known), default=list(known), format_func=lambda key: known[key].name, key="cases_remedies"
        )
        clicked = st.button("Run it", type="primary", icon=":material/play_arrow:", key="cases_remedies_run")
        if not chosen:
            st.text("Choose a remedy.")
            return
        foretold(expected(model, number))
        key = ("remedies", typed, drawn, number, tuple(chosen), model.card.fingerprint)
        if clicked:
            of = _cases(typed, str(drawn), number)
            if of is None:
                return
            name, folder, cases, command = of
            journal = journal_of(home(), model.card.fingerprint, name, folder, 0)

            def work(cancel: CancelToken, report: Report) -> None:
                found = run_remedies(
                    model,
                    cases,
                    journal,
                    name=name,
                    folder=folder,
                    number=number if folder else None,
                    chosen=chosen,
                    progress=report,
                    cancel=cancel,
                )
                if found.asked:
                    keep_remedies(found, journal, command)

            view.jobs.start(model, key, "trying remedies", "remedies", work, expected(model, number))
        view.jobs.tell(key)


def _cases(typed: str, drawn: str, number: int) -> tuple[str, str, list[Case], str] | None:
    """The name of the set, the folder, its cases and the command; None, with the reason on screen, where there are
    none."""
    if not typed:
        command = f'sightline remedies --street {number} --family "{drawn}"'
        return f"{STREET} {drawn}", "", list(street_cases(number, (drawn,))), command
    opened = opened_folder(typed, None)
    if opened is None:
        return None
    folder, format_, found = opened
    command = f'sightline remedies "{folder}" --cases {number}'
    return format_.key, str(Path(folder).resolve()), list(found.cases), command
