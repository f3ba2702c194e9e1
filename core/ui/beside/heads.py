"""All heads of the pinned answers, layer by layer: how much each looks at the picture, or adds to the word."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import altair as alt
import numpy as np
import streamlit as st
from jaxtyping import Float
from streamlit.delta_generator import DeltaGenerator

from ...answer import Answer, HeldRows, Target, TokenKind
from ...attention.measures import measured
from ...attention.rows import Rows, rows_among
from ...charts.heads import head_map, head_name, layers_without
from ...charts.heatmap import Scale, scale_of
from ...mechanisms.contributions import contribution_passes, contributions
from ...mechanisms.head_contributions import INCREASE, MEANING
from ...mechanisms.logprob_increase import head_increases, increase_passes
from ...quantities import change_in_nats
from ...reports.code import Writer
from ...runs.kinds import ATTENTION_ROWS, HEAD_INCREASES
from ...vlm.cancel import CancelToken
from ...vlm.forecast import Forecast, forecast
from ...vlm.model import VisionLanguageModel
from ...vlm.pass_costs import Passes
from ...vlm.rows_again import computed_again, tokens_at_once
from ...vlm.targets import token_targets_of
from ..jobs.page import Report, Work
from ..state.heads import INCREASES, Increases, increases_key
from ..state.models import store
from ..state.pins import found, held_rows
from ..state.results import answer_key
from ..state.workspace import Workspace
from ..widgets.forecasts import foreseen
from ..widgets.scripts import Made
from .columns import Column, width_of
from .missing import Missing, compute_missing
from .panel import Panel
from .taking_along import Taken, take_along

By = Literal["Attention to the picture", "Log-probability increase"]
ATTENTION: By = "Attention to the picture"
SAYS = {
    ATTENTION: "the part of the head's attention that lies on image tokens while the target is predicted; a word "
    "rather than another has the same.",
    INCREASE: MEANING[INCREASE],
}
AXES = 110
"""Pixels beside a map for its axis and its legend."""


@dataclass(frozen=True, eq=False)
class Figures:
    """Every head's figure of a column that is there."""

    column: Column
    values: Float[np.ndarray, "layers heads"]


def heads_panel(panel: Panel) -> None:
    """A map of all heads below each column."""
    with panel.controls:
        by = st.segmented_control(
            "Heads by",
            get_args(By),
            default=ATTENTION,
            required=True,
            key="beside_heads",
            persist_state="session",
            wrap=True,
        )
        less = st.toggle(
            "Minus the first",
            key="beside_less",
            persist_state="session",
            disabled=len(panel.columns) < 2,
            help="From the second column on: each head's figure minus that in the first.",
        )
    made, missing = _looked_up(panel, by)
    purpose = "reading the answer again" if by == ATTENTION else "reading what the heads write"
    compute_missing(panel.view, missing, panel.places, purpose, ("heads", by), "map of heads", "maps of heads")
    less = bool(less) and len(panel.columns) > 1
    taken = Taken("Heads", f"{by}: {SAYS[by]} Layers and heads count from 0.", ending=partial(_ending, by, less))
    _draw(made, by, less, width_of(panel.columns), panel.places, taken)
    differs = " In a difference purple is more than in the first, orange less." if less else ""
    st.caption(f"{by}: {SAYS[by]} Layers and heads count from 0. All maps are on one scale.{differs}")
    take_along(taken)


def _looked_up(panel: Panel, by: By) -> tuple[list[Figures], list[Missing]]:
    made: list[Figures] = []
    missing: list[Missing] = []
    for column, target in panel.compared:
        if by == ATTENTION:
            figures, lacking = _attention(panel.workspace, column, target)
        else:
            figures, lacking = _increases(panel.workspace, column, target)
        if figures is not None:
            made.append(Figures(column, figures))
        elif lacking is not None:
            missing.append(lacking)
    return made, missing


def _attention(
    workspace: Workspace, column: Column, target: Target
) -> tuple[Float[np.ndarray, "layers heads"] | None, Missing | None]:
    answer = column.answer
    held = held_rows(workspace, column.pin)
    there = [] if held is None else [token for token in target.tokens if token in held.tokens]
    if held is not None and there and answer.layout.positions(TokenKind.IMAGE):
        return _looks(held, there, answer), None
    why = None
    if answer.attention is None:
        why = "No attention was kept with this answer: its model computes it in a way of its own."
    elif not answer.layout.positions(TokenKind.IMAGE):
        why = "This answer has no image tokens, so no head looks at them."

    def work(model: VisionLanguageModel) -> Work:
        def compute(cancel: CancelToken, report: Report) -> None:
            most, every = tokens_at_once(model, answer), tuple(range(len(answer.tokens)))
            computed_again(model, answer, every if len(every) <= most else target.tokens[-most:])

        return compute

    key: Hashable = ("rows beside", answer_key(answer), target.tokens)
    return None, Missing(column, key, why, work, lambda model: _told(model, answer, Passes(forward=1)))


def _looks(held: HeldRows, tokens: Sequence[int], answer: Answer) -> Float[np.ndarray, "layers heads"]:
    return measured(rows_among(held, tokens), answer.layout, "image")


def _increases(
    workspace: Workspace, column: Column, target: Target
) -> tuple[Float[np.ndarray, "layers heads"] | None, Missing | None]:
    answer, token_targets = column.answer, token_targets_of(column.answer, target)
    key = increases_key(answer, target)
    figures = found(workspace, column.pin, INCREASES, key)
    if figures is not None:
        return figures.values, None

    def work(model: VisionLanguageModel) -> Work:
        def compute(cancel: CancelToken, report: Report) -> None:
            began = time.perf_counter()
            written = contributions(model, answer, token_targets, cancel=cancel, progress=lambda done: report(done / 2))
            increases = head_increases(model, written, cancel=cancel, progress=lambda done: report(0.5 + done / 2))
            workspace.results.keep(INCREASES, key, Increases(increases.mean(0).numpy(), time.perf_counter() - began))

        return compute

    passes = (
        contribution_passes(answer) + increase_passes(column.model, answer, len(token_targets), 0)
        if column.model
        else Passes()
    )
    return None, Missing(column, key, None, work, lambda model: _told(model, answer, passes))


def _told(model: VisionLanguageModel, answer: Answer, passes: Passes) -> Forecast | None:
    return foreseen(lambda: forecast(model, answer, passes))


def _draw(made: list[Figures], by: By, less: bool, width: int, places: Sequence[DeltaGenerator], taken: Taken) -> None:
    first = next((one for one in made if one.column.number == 0), None)
    changes: Mapping[int, Float[np.ndarray, "layers heads"]] = {}
    if less:
        changes = _changes(made, first, places)
    signed = by == INCREASE
    scale = scale_of(*(one.values for one in made), signed=signed)
    common = scale_of(*changes.values(), signed=True)
    for one in made:
        with places[one.column.number]:
            if not less or one.column.number == 0:
                _map(one, one.values, by, scale, width, taken)
            elif one.column.number in changes:
                _map(one, changes[one.column.number], by, common, width, taken, difference=True)


def _changes(
    made: list[Figures], first: Figures | None, places: Sequence[DeltaGenerator]
) -> dict[int, Float[np.ndarray, "layers heads"]]:
    """Each map less the first, by the column's number; where that means nothing, a sentence there."""
    changes = {}
    for one in made:
        if one.column.number == 0:
            continue
        if first is None:
            places[one.column.number].caption("The figures of the first are not there, so nothing is subtracted.")
        elif not _same_heads(one, first):
            places[one.column.number].text("Another model has other heads, so those of the first are not subtracted.")
        else:
            changes[one.column.number] = one.values - first.values
    return changes


def _same_heads(one: Figures, other: Figures) -> bool:
    """Whether the heads of two answers are the same: of one model, whatever its precision or adapter."""
    if one.values.shape != other.values.shape:
        return False
    models = [each.column.answer.model for each in (one, other)]
    specs = [store().spec_of(model) for model in models]
    return models[0] == models[1] or (
        specs[0] is not None and specs[1] is not None and specs[0].source == specs[1].source
    )


def _map(
    one: Figures,
    values: Float[np.ndarray, "layers heads"],
    by: By,
    scale: Scale,
    width: int,
    taken: Taken,
    difference: bool = False,
) -> None:
    draw = partial(
        head_map,
        values,
        name="difference" if difference else by.lower(),
        share=by == ATTENTION,
        signed=scale.signed,
        without=layers_without(values),
        size=width - AXES,
        scale=scale,
    )
    _take(one, values, by, difference, draw, taken)
    st.altair_chart(draw(), width="content", alt=f"{by} of every head, answer {one.column.number + 1}")
    known = np.where(np.isfinite(values), np.abs(values) if difference else values, -np.inf)
    if np.isfinite(known).any():
        layer, head = np.unravel_index(int(np.argmax(known)), values.shape)
        most = float(values[layer, head])
        number = (
            f"{most:+.1%}"
            if difference and by == ATTENTION
            else f"{most:.1%}"
            if by == ATTENTION
            else change_in_nats(most)
        )
        what = "Changes most" if difference else "Has most"
        st.caption(f"{what}: {head_name((int(layer), int(head)))}, {number}")


def _take(
    one: Figures,
    values: Float[np.ndarray, "layers heads"],
    by: By,
    difference: bool,
    draw: Callable[[], alt.TopLevelMixin],
    taken: Taken,
) -> None:
    """A line for each head, and the figures as an array."""
    answer, target, number = one.column.answer, one.column.target, one.column.number + 1
    assert target is not None
    made = Made(HEAD_INCREASES, one.values, {"token_targets": token_targets_of(answer, target)})
    if by == ATTENTION:
        positions = tuple(map(answer.predicting_position, target.tokens))
        made = Made(ATTENTION_ROWS, one.values, {"positions": positions})
    taken.charts.append((one.column, draw))
    taken.made.append((one.column, made))
    taken.numbers[f"answer_{number}"] = one.values
    if difference:
        taken.numbers[f"answer_{number}_less_the_first"] = values
    name = by.lower()
    taken.rows += [
        {
            "answer": number,
            "layer": layer,
            "head": head,
            name: float(one.values[layer, head]),
            **({"minus the first": float(values[layer, head])} if difference else {}),
        }
        for layer in range(values.shape[0])
        for head in range(values.shape[1])
    ]


def _ending(by: By, less: bool, write: Writer) -> list[str]:
    lines = ["figures = results"]
    if by == ATTENTION:
        rows = write.call(Rows, "result", "tuple(range(result.shape[2]))")
        looks = write.call(measured, rows, "answer.layout", '"image"')
        lines = [f"figures = [{looks} for answer, result in zip(answers, results)]"]
    return [*lines, *(["changes = [other - figures[0] for other in figures[1:]]"] if less else [])]
