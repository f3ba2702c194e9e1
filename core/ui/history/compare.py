"""Two runs side by side: question by question what was said, by whom, and how probable the target was."""

from __future__ import annotations

import math
from dataclasses import dataclass

import streamlit as st

from ...answer import Answer, Target
from ...charts.tokens import AlignedToken, aligned_chart
from ...errors import RunDamaged, SightlineError
from ...quantities import nats, probability
from ...reports.case_scripts import two_answers_script
from ...runs.compared import Pair, changes, figure_of, paired
from ...runs.info import RunInfo
from ...runs.manifest import TurnSummary
from ...runs.run import Run
from ..state.keeping import runs
from ..widgets.chips import escaped
from ..widgets.folded import folded
from ..widgets.pages import page_of
from ..widgets.scripts import copy_code
from ..widgets.taken_charts import aligned_rows, save_chart
from .row import thumbnail
from .view import HistoryView
from .words import facts, many, one_line

AT_ONCE = 5
MOST_TOKENS = 300
"""Of an answer that is set beside another one token by token."""
WIDTH = 900


@dataclass(frozen=True)
class Side:
    """What one run has in a place: its answer as it was given, if that can be read, and its target."""

    turn: TurnSummary | None
    answer: Answer | None
    target: Target | None
    model: str
    trouble: str | None = None


def compare_panel(view: HistoryView, one: RunInfo, other: RunInfo) -> None:
    """Both runs, from the first question on."""
    st.button("Back to the list", key="end_compare", icon=":material/arrow_back:", on_click=_end, args=(view,))
    for column, run in zip(st.columns(2, gap="large"), (one, other), strict=True):
        with column, st.container(horizontal=True, gap="medium"):
            with st.container(width=96):
                thumbnail(run)
            with st.container(width="stretch", gap="xsmall"):
                st.markdown(f"**{escaped(one_line(run.title))}**")
                st.caption(facts(run))
    try:
        with runs().open(one.id, only_look=True) as first, runs().open(other.id, only_look=True) as second:
            _pairs(first, second)
    except SightlineError as error:
        st.text(str(error))


def _end(view: HistoryView) -> None:
    view.comparing = False


def _pairs(first: Run, second: Run) -> None:
    pairs = paired(first.conversation, second.conversation)
    together = [pair for pair in pairs if pair.same_question]
    same = sum(pair.same_answer for pair in together)
    if together:
        st.markdown(f"{many(len(together), 'question')} in both, {same} with the same answer.")
    else:
        st.markdown("No question is asked in the same words in both.")
    for pair in page_of(pairs, AT_ONCE, f"pairs_{first.id}_{second.id}"):
        with st.container(border=True):
            _pair(pair, first, second)
    folded(
        "Log-probabilities are of each run's target, or of the whole answer where none was chosen.",
        "They are in nats, as they were when the answer was given. Below two answers stand their tokens in columns, "
        "and the change from the first to the second where the same token stands in both.",
    )


def _pair(pair: Pair, first: Run, second: Run) -> None:
    sides = (_side(pair.one, first), _side(pair.other, second))
    if pair.same_question and pair.one is not None:
        st.markdown(f"**{escaped(one_line(pair.one.question, 400))}**")
    for column, side in zip(st.columns(2, gap="large"), sides, strict=True):
        with column:
            _one(side, asked=not pair.same_question)
    one, other = (side.answer for side in sides)
    if one is None or other is None or not one.tokens or not other.tokens:
        return
    if max(len(one.tokens), len(other.tokens)) > MOST_TOKENS:
        st.caption(f"Answers of more than {MOST_TOKENS} tokens are not set side by side token by token.")
        return
    columns = [
        AlignedToken(
            None if mine is None else one.tokens[mine].label,
            None if theirs is None else other.tokens[theirs].label,
            change,
        )
        for mine, theirs, change in changes(one, other)
    ]
    with st.container(key=f"wide_pair_{pair.one.id if pair.one else ''}"):
        chart = aligned_chart(columns, WIDTH)
        st.altair_chart(chart, width="content", alt="the two answers token by token")
        assert pair.one is not None and pair.other is not None
        with st.container(horizontal=True, gap="small"):
            save_chart(chart, "two-answers", f"save_pair_{pair.one.id}", aligned_rows(columns))
            copy_code(two_answers_script((first.id, pair.one.id), (second.id, pair.other.id)))


def _side(turn: TurnSummary | None, run: Run) -> Side:
    if turn is None:
        return Side(None, None, None, "")
    known = None if turn.model is None else run.manifest.model(turn.model)
    model = known.card.name if known else "an unknown model"
    try:
        return Side(turn, run.turn(turn.id, rows=False).answer, run.target(turn.id), model)
    except RunDamaged as error:
        return Side(turn, None, None, model, str(error))


def _one(side: Side, asked: bool) -> None:
    turn = side.turn
    if turn is None:
        st.caption("Nothing was asked here.")
        return
    if asked:
        st.markdown(f"**{escaped(one_line(turn.question, 400))}**")
    st.text(f"→ {turn.answer}" if turn.answer else "→ no answer")
    if side.trouble:
        st.text(side.trouble)
    answer = side.answer
    if answer is None or not answer.tokens:
        return
    figure = figure_of(answer, side.target)
    of = "the whole answer"
    if side.target is not None:
        of = f"“{escaped(one_line(''.join(answer.tokens[index].label for index in side.target.tokens), 60))}”"
    value = "not known, for the rival was not kept"
    if figure.value is not None:
        sure = f" ({probability(math.exp(figure.value))})" if figure.measure == "log-probability" else ""
        value = f"{nats(figure.value)}{sure}"
    against = " against its rival" if side.target is not None and side.target.rivals is not None else ""
    st.caption(f"{escaped(side.model)}. {figure.measure.capitalize()} of {of}{against}: {value}")
