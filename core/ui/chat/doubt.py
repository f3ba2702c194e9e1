"""Doubt: a quiet mark at words that may be wrong, and its reason. What it costs a pass is done when it is asked for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ...answer import Answer
from ...counted import counted
from ...doubt.calibration import Calibration
from ...doubt.kept import Doubt
from ...doubt.marks import Mark, marked_tokens, missing, worth
from ...doubt.measure import Measured, expected
from ...doubt.registry import signals
from ...doubt.run import expected as cases_expected
from ...runs.kinds import DOUBT
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..jobs.job import Job
from ..state.doubt import FULL, MEASURED, best_marks, known_doubt, measured_key, measured_of
from ..state.workspace import Exchange, Workspace
from ..widgets.asking import stop_row, trouble_of
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.forecasts import foreseen, foretold
from ..widgets.scripts import Made, copy_script
from ..widgets.tables import Row, save_table
from .view import ChatView

PURPOSE = "looking for doubt"
CASES = 360
"""Of a calibration on drawn scenes, as Case Studies offers it."""
MOST_SHOWN = 12
"""Marked words that a line shows."""


def doubted(workspace: Workspace, model: VisionLanguageModel, answer: Answer) -> frozenset[int]:
    """The tokens of marked words, where lights are on."""
    found = _lit(workspace, model, answer)
    return frozenset() if found is None else marked_tokens(found[1])


def doubt_of_token(workspace: Workspace, model: VisionLanguageModel, answer: Answer, token: int) -> None:
    """Of a token of a marked word, where lights are on: why."""
    found = _lit(workspace, model, answer)
    mark = next((one for one in found[1] if one.marked and token in one.word.tokens), None) if found else None
    if mark is not None:
        st.text(f"In doubt: “{mark.word.text[:40]}”. {mark.reason}")


def doubt_line(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, answer: Answer) -> None:
    """Below an answer, where lights are on: its marked words, each with its reason at hand. Nothing where none is."""
    found = _lit(workspace, model, answer)
    if found is None:
        return
    marked = [mark for mark in found[1] if mark.marked]
    if not marked:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"doubt_{exchange.serial}"):
        st.caption(":material/help: In doubt:", width="content")
        for number, mark in enumerate(marked[:MOST_SHOWN]):
            label = f"{escaped(mark.word.text[:40])} ?"
            with st.popover(label, type="tertiary", help=escaped(mark.reason), key=f"why_{exchange.serial}_{number}"):
                st.text(mark.reason)
                st.caption(escaped(worth(found[0])))
        if len(marked) > MOST_SHOWN:
            st.caption(f"and {len(marked) - MOST_SHOWN} more", width="content")


def doubt_panel(workspace: Workspace, model: VisionLanguageModel, exchange: Exchange, answer: Answer) -> None:
    """Lights on or off, what is known of each content word, and what the marks rest on."""
    view = workspace.view(ChatView)
    known = known_doubt(model)
    if known is None or not known[0].calibrations:
        _offer(model, None if known is None else known[0])
        return

    def switched() -> None:
        view.lights = st.session_state["doubt_lights"]

    st.session_state["doubt_lights"] = view.lights
    st.toggle(
        "Mark words in doubt",
        key="doubt_lights",
        on_change=switched,
        help="By signals that need no further pass, unless all of them were measured.",
    )
    if answer.model != model.card.fingerprint:
        st.caption("Another model gave this answer. Ask again with the model in use.")
        return
    full = known[0].tier(FULL)
    measured = None if full is None else workspace.results.get(MEASURED, measured_key(answer, full))
    found = best_marks(workspace.results, model, answer)
    why = None if found is not None else _missing(workspace, known[0], answer)
    if why is not None:
        st.text(why)
    elif full is not None and measured is None:
        _ask_for_all(workspace, model, answer, full)
    elif full is not None and measured is not None and (refused := missing(measured, full)) is not None:
        st.text(refused)
    if found is not None:
        _told(workspace, answer, *found)
    elif why is None and measured is None:
        st.text("The attention that the quick signals read was not recorded with this answer. Measure all of them.")
    _rests_on(known[0])


def _missing(workspace: Workspace, known: Doubt, answer: Answer) -> str | None:
    """Why an answer's words cannot be marked, by the signals that were measured; None where none was."""
    for one in known.calibrations:
        measured = workspace.results.get(MEASURED, measured_key(answer, one))
        if measured is not None:
            return missing(measured, one)
    return None


def _lit(
    workspace: Workspace, model: VisionLanguageModel, answer: Answer
) -> tuple[Calibration, tuple[Mark, ...]] | None:
    if not workspace.view(ChatView).lights:
        return None
    return best_marks(workspace.results, model, answer)


def _ask_for_all(workspace: Workspace, model: VisionLanguageModel, answer: Answer, full: Calibration) -> None:
    told = foreseen(lambda: expected(model, answer, full.keys))
    waiting = st.container()
    with waiting:
        clicked = st.button(
            f"Measure all {counted(len(full.keys), 'signal')}",
            icon=":material/troubleshoot:",
            key="doubt_all",
            help=f"They mark {full.caught.value:.0%} of wrong words where 5% of right ones are marked.",
        )
        foretold(told)
    if not clicked:
        return

    def work(cancel: CancelToken, say: object) -> Measured:
        return measured_of(model, answer, full, cancel)

    def ask() -> None:
        with waiting:
            status = stop_row("stop_doubt")
        measured = Job(model, PURPOSE, work).watch(status)
        workspace.results.keep(MEASURED, measured_key(answer, full), measured)

    trouble = trouble_of(PURPOSE, ask)
    if trouble is None:
        st.rerun()
    st.text(trouble)


def _told(workspace: Workspace, answer: Answer, calibration: Calibration, marks: tuple[Mark, ...]) -> None:
    """A row for each content word, the most doubtful first."""
    measured = workspace.results.get(MEASURED, measured_key(answer, calibration))
    rows = [_row(mark) for mark in sorted(marks, key=lambda mark: -mark.score)]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–")
    with st.container(horizontal=True, gap="small"):
        if measured is not None:
            save_table(_values(marks, measured), "doubt", "doubt_csv")
            copy_script(answer, Made(DOUBT, measured))
    st.caption(
        "Log-odds: how much more likely wrong than right the word is by the signals together, in nats. What speaks is "
        "the signal that adds most to it, among those beyond what right words have."
    )
    st.caption(escaped(worth(calibration)))


def _row(mark: Mark) -> Row:
    speaks = signals()[mark.speaks].name if mark.speaks in signals() else ""
    return {
        "word": mark.word.text,
        "in doubt": "yes" if mark.marked else "no",
        "log-odds (nats)": round(mark.score, 2),
        "what speaks": speaks,
        "its value": mark.value,
        "nine of ten right words have": mark.usual,
    }


def _values(marks: tuple[Mark, ...], measured: Measured) -> list[Row]:
    """What the table's file holds: every signal of every word."""
    return [
        {
            "word": mark.word.text,
            "in doubt": mark.marked,
            "log-odds (nats)": mark.score,
            **{key: values[number] for key, values in measured.values.items()},
        }
        for number, mark in enumerate(marks)
    ]


def _rests_on(known: Doubt) -> None:
    """What the calibration was measured on."""
    folded(
        escaped(known.measured_on),
        "All signals are logistic regression on words of answers whose right ones are known, and the level is that of "
        "scores out of fold. Case Studies has each signal's AUROC, under Doubt.",
    )


def _offer(model: VisionLanguageModel, known: Doubt | None) -> None:
    """Why there are no lights, and where they can be had."""
    why = (
        f"No word is marked: nothing was calibrated for {model.card.name} as it is loaded (weights, precision, device)."
        if known is None
        else f"No word is marked: {known.uncalibrated}"
    )
    st.text(why)
    foretold(cases_expected(model, CASES), name=f"Calibrating on {CASES} drawn cases")
    st.page_link(
        "pages/6_Case_Studies.py", label="Make a calibration on Case Studies, under Doubt", icon=":material/rule:"
    )
