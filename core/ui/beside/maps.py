"""Maps of the pinned answers by one method, as shares on one scale, or what each has less than the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import altair as alt
import numpy as np
import streamlit as st
from jaxtyping import Float
from streamlit.delta_generator import DeltaGenerator

from ...answer import Answer, Explanation
from ...cases.known_cause.summary import caveat_of
from ...charts.heatmap import Scale, heatmap, scale_of
from ...errors import NotComparable, SettingsError
from ...explainers.base import Explainer
from ...explainers.registry import explainers
from ...explainers.run import expected, explain
from ...maps.difference import difference, picture_shares
from ...masking import as_seen
from ...reports.code import Writer
from ...runs.kinds import EXPLANATION
from ...vlm.cancel import CancelToken
from ...vlm.forecast import Forecast
from ...vlm.model import VisionLanguageModel
from ..jobs.page import Work
from ..state.maps import MAPS, Key, Order, first_method
from ..state.pins import card_of, found
from ..state.results import answer_key
from ..state.workspace import Workspace
from ..widgets.chips import escaped
from ..widgets.controls import settings_form
from ..widgets.drawing import drawing_choice
from ..widgets.forecasts import foreseen
from ..widgets.places import why_no_places
from ..widgets.scripts import Made as Result
from .columns import Column, width_of
from .missing import Missing, compute_missing
from .panel import Panel
from .taking_along import Taken, take_along

LEGEND = 70
"""Pixels beside a map for the colours' meaning."""
LESS = "change"
PAIR = (("result", "other"), ("results[0]", "answers[0]"))
"""A result and its answer in a script, and the first ones."""


@dataclass(frozen=True, eq=False)
class Made:
    """A map of a column that is there."""

    column: Column
    explanation: Explanation

    @property
    def shares(self) -> Float[np.ndarray, "position"]:
        """As shares of its score on the pictures."""
        return picture_shares(self.explanation.scores.numpy(), self.explanation.about(self.column.answer).layout)


def maps_panel(panel: Panel) -> None:
    """A map below each column."""
    with panel.controls:
        order, less = _controls(panel.workspace, panel.columns)
    if order is None:
        return
    explainer = explainers()[order.method]
    made: list[Made] = []
    missing: list[Missing] = []
    for column, target in panel.compared:
        key = Key(answer_key(column.answer), target, order)
        explanation = found(panel.workspace, column.pin, MAPS, key)
        if explanation is not None and explanation.complete == 1:
            made.append(Made(column, explanation))
        else:
            missing.append(_missing(panel.workspace, column, key, explainer))
    compute_missing(panel.view, missing, panel.places, f"computing {explainer.name}", ("maps", order), "map")
    taken = Taken("Maps", f"{explainer.name}: shares of each map's own score on the pictures. {caveat_of(explainer)}")
    taken.ending = partial(_ending, less)
    _draw(panel.workspace, explainer, made, less, width_of(panel.columns), panel.places, taken)
    st.caption(
        f"{escaped(explainer.name)}: each map as shares of its own score on the pictures, all on one scale. "
        + (
            "In a difference purple patches have more of the score than in the first map, orange ones less. "
            if less
            else ""
        )
        + escaped(caveat_of(explainer))
    )
    take_along(taken)


def _controls(workspace: Workspace, columns: list[Column]) -> tuple[Order | None, bool]:
    """The method with its settings, and whether differences are drawn."""
    known = explainers()
    method = st.selectbox(
        "Method",
        list(known),
        index=list(known).index(first_method()),
        format_func=lambda key: known[key].name,
        key="beside_method",
        persist_state="session",
        width=230,
    )
    card = next((card for column in columns if (card := card_of(workspace, column.pin)) is not None), None)
    order: Order | None = Order(method, known[method].Settings())
    if card is not None and order is not None and vars(order.settings):
        with st.popover("Settings", icon=":material/tune:"):
            try:
                order = Order(method, settings_form(known[method].Settings, card, f"beside_{method}"))
            except SettingsError as error:
                st.text(str(error))
                order = None
    drawing_choice(workspace)
    less = st.toggle(
        "Minus the first",
        key="beside_less",
        persist_state="session",
        disabled=len(columns) < 2,
        help="From the second column on: the map minus that of the first, patch by patch.",
    )
    return order, bool(less) and len(columns) > 1


def _missing(workspace: Workspace, column: Column, key: Key, explainer: Explainer) -> Missing:
    answer, target, settings = column.answer, key.target, key.order.settings
    why = None if column.model is None else explainer.obstacle(column.model, answer)

    def work(model: VisionLanguageModel) -> Work:
        def compute(cancel: CancelToken, report: Callable[[float], None]) -> None:
            (made,) = explain(explainer, model, answer, [target], settings, cancel=cancel, progress=report)
            workspace.results.keep(MAPS, key, made)

        return compute

    def told(model: VisionLanguageModel) -> Forecast | None:
        return foreseen(partial(expected, explainer, model, answer, [target], settings))

    return Missing(column, key, why, work, told)


def _draw(
    workspace: Workspace,
    explainer: Explainer,
    made: list[Made],
    less: bool,
    width: int,
    places: Sequence[DeltaGenerator],
    taken: Taken,
) -> None:
    shown = [one for one in made if one.explanation.about(one.column.answer).layout.views]
    for one in made:
        if one not in shown:
            places[one.column.number].text(f"{why_no_places(one.column.answer)}, so there is no map.")
    first = next((one for one in made if one.column.number == 0), None)
    changes: dict[int, Float[np.ndarray, "position"]] = {}
    for one in shown:
        if less and one.column.number:
            changes |= _less(one, first, places[one.column.number])
    plain = [one for one in shown if not less or one.column.number == 0]
    scale = scale_of(*(one.shares for one in shown), signed=explainer.signed)
    common = scale_of(*changes.values(), signed=True)
    for one in shown:
        with places[one.column.number]:
            if one in plain:
                _map(workspace, one, one.shares, scale, width, "share", explainer.name, taken)
            elif one.column.number in changes:
                _map(
                    workspace,
                    one,
                    changes[one.column.number],
                    common,
                    width,
                    LESS,
                    f"{explainer.name}, minus the first",
                    taken,
                )


def _less(one: Made, first: Made | None, place: DeltaGenerator) -> dict[int, Float[np.ndarray, "position"]]:
    """This map less the first, by the column's number; nothing, and a sentence there, where they cannot be
    subtracted."""
    if first is None:
        place.caption("The map of the first is not there, so nothing is subtracted.")
        return {}
    scores = [each.explanation.scores.numpy() for each in (one, first)]
    layouts = [each.explanation.about(each.column.answer).layout for each in (one, first)]
    try:
        return {one.column.number: difference(scores[0], layouts[0], scores[1], layouts[1])}
    except NotComparable as error:
        place.text(str(error))
        return {}


def _map(
    workspace: Workspace,
    one: Made,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    width: int,
    label: str,
    name: str,
    taken: Taken,
) -> None:
    answer = one.explanation.about(one.column.answer)
    draw = partial(
        heatmap,
        as_seen(answer.question),
        answer.layout,
        values,
        size=width - LEGEND,
        scale=scale,
        only=(one.column.image,),
        label=label,
        format=".3%",
        drawing=workspace.drawing,
    )
    _take(one, answer, values, label, draw, taken)
    st.altair_chart(draw(), width="content", alt=f"{name} of answer {one.column.number + 1}")
    if one.explanation.remark is not None:
        st.caption(f":material/info: {escaped(one.explanation.remark)}")


def _take(
    one: Made,
    answer: Answer,
    values: Float[np.ndarray, "position"],
    label: str,
    draw: Callable[[], alt.TopLevelMixin],
    taken: Taken,
) -> None:
    """A line for each patch, and the scores of every position."""
    number = one.column.number + 1
    taken.charts.append((one.column, draw))
    taken.made.append((one.column, Result(EXPLANATION, one.explanation)))
    taken.numbers[f"answer_{number}_scores"] = one.explanation.scores.numpy()
    taken.numbers[f"answer_{number}_{label}"] = values
    taken.rows += [
        {
            "answer": number,
            "picture": view.image + 1,
            "part": view.name,
            "row": index // view.columns + 1,
            "column": index % view.columns + 1,
            "score": float(one.explanation.scores[position]),
            label: float(values[position]),
        }
        for view in answer.layout.views
        for index, position in enumerate(view.positions)
    ]


def _ending(less: bool, write: Writer) -> list[str]:
    shares = write.call(picture_shares, "result.scores.numpy()", "result.about(answer).layout")
    lines = [f"shares = [{shares} for answer, result in zip(answers, results)]"]
    if less:
        of_both = [f"{one}.scores.numpy(), {one}.about({answer}).layout" for one, answer in PAIR]
        lines += [
            f"changes = [{write.call(difference, *of_both)} for other, result in zip(answers[1:], results[1:])]",
        ]
    return lines
