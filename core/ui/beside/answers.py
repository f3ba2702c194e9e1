"""What each said, token under token with the first, and how probable its target was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from ...charts.tokens import AlignedToken, aligned_chart
from ...quantities import change_in_nats, nats, probability
from ...reports.code import Writer
from ...runs.compared import Figure, changes, figure_of
from ..widgets.chips import escaped
from ..widgets.folded import folded
from .columns import Column, width_of
from .panel import Panel
from .taking_along import Taken, take_along

MOST_TOKENS = 300
"""Of an answer that is set beside another one token by token."""


def answers_panel(panel: Panel) -> None:
    """Below each column the figure of its target, and from the second on its tokens under those of the first."""
    first = _figure(panel.columns[0])
    taken = Taken("Answers", "Log-probabilities (nats) are those of when each answer was given, in its own context.")
    for column, place in zip(panel.columns, panel.places, strict=True):
        with place:
            _said(column, first)
            if column.number:
                _aligned(panel.columns[0], column, width_of(panel.columns), taken)
        _take(panel.columns[0], column, taken)
    if len(panel.columns) > 1:
        folded(
            "From the second column on: the first answer's tokens, and below them this one's.",
            "Where the same token stands in both, the change of its log-probability (nats) from the first to this one. "
            "Figures are those of when the answer was given, each in its own context.",
        )
    taken.ending = partial(_ending, panel.columns)
    take_along(taken)


def _figure(column: Column) -> Figure | None:
    return None if column.target is None else figure_of(column.answer, column.target)


def _said(column: Column, first: Figure | None) -> None:
    figure = _figure(column)
    if figure is None:
        return
    measure = figure.measure.capitalize()
    if figure.value is None:
        st.text(f"{measure} of {column.name}: not known, for the rival is not among the alternatives that were kept.")
        return
    sure = f" ({probability(math.exp(figure.value))})" if figure.measure == "log-probability" else ""
    st.text(f"{measure} of {column.name}: {nats(figure.value)}{sure}")
    if column.number and first is not None and first.value is not None and first.measure == figure.measure:
        change = figure.value - first.value
        st.caption(
            escaped(f"{change_in_nats(change)} against the first" if abs(change) >= 0.0005 else "As in the first")
        )


def _aligned(one: Column, other: Column, width: int, taken: Taken) -> None:
    if max(len(one.answer.tokens), len(other.answer.tokens)) > MOST_TOKENS:
        st.caption(f"Answers of more than {MOST_TOKENS} tokens are not set beside each other token by token.")
        return
    tokens, others = one.answer.tokens, other.answer.tokens
    columns = [
        AlignedToken(
            None if mine is None else tokens[mine].label, None if theirs is None else others[theirs].label, change
        )
        for mine, theirs, change in changes(one.answer, other.answer)
    ]
    draw = partial(aligned_chart, columns, width)
    taken.charts.append((other, draw))
    st.altair_chart(draw(), width="content", alt=f"answer {other.number + 1} under the first, token by token")


def _take(first: Column, column: Column, taken: Taken) -> None:
    """A line for each token, with the change from where it stands in the first answer."""
    answer, name = column.answer, f"answer_{column.number + 1}"
    logprobs = np.array([token.logprob for token in answer.tokens])
    changed = {theirs: change for _, theirs, change in changes(first.answer, answer)} if column.number else {}
    figure = _figure(column)
    taken.numbers[f"{name}_logprobs"] = logprobs
    if figure is not None and figure.value is not None:
        taken.numbers[f"{name}_target"] = np.array(figure.value)
    taken.rows += [
        {
            "answer": column.number + 1,
            "token": index + 1,
            "text": token.label,
            "logprob": token.logprob,
            "of the target": column.target is not None and index in column.target.tokens,
            **({"change from the first": changed.get(index)} if column.number else {}),
        }
        for index, token in enumerate(answer.tokens)
    ]
    taken.made.append((column, None))


def _ending(columns: Sequence[Column], write: Writer) -> list[str]:
    targets = write.literal([column.target for column in columns])
    figure, change = write.named(figure_of), write.named(changes)
    return [
        f"targets = {targets}",
        f"figures = [{figure}(answer, target) for answer, target in zip(answers, targets) if target is not None]",
        f"changed = [{change}(answers[0], other) for other in answers[1:]]",
        'print(*figures, *changed, sep="\\n")',
    ]
