"""A model with its adapter and without, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...cases import adapter as module
from ...cases.adapter import Side, sides
from ...charts.tokens import visible
from ...errors import NotComparable
from ...explainers.registry import explainers
from ...maps.difference import difference, picture_shares
from ...mechanisms.results import PositionValues, Row
from ...vlm.spec import NO_ADAPTER, ModelSpec
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, sentences, took

NAMES = {True: "with its adapter", False: "without its adapter"}


class Sides(Renderer):
    """Both answers, what a word of each rests on, and how that differs."""

    key = "sides"
    name = "With and without the adapter"

    def figures(self, case: Case) -> Sequence[Figure]:
        both: tuple[Side, Side] = case.result
        rows: list[Row] = [
            {
                "model": NAMES[side.tuned],
                "answer": visible(side.answer.text),
                "word": visible(side.said) if side.answer.tokens else "",
                "probability": float(np.exp(side.logprob)) if side.answer.tokens else float("nan"),
            }
            for side in both
        ]
        same = both[0].answer.text == both[1].answer.text
        said = sentences(
            "The same answer." if same else "Another answer.", *(one.why for one in both), took(case.seconds)
        )
        numbers = {"logprobs": np.array([side.logprob if side.answer.tokens else np.nan for side in both])}
        table = Figure(self.name, said, numbers, rows=rows, shown=rows, methods=docs(module))
        return [
            table,
            *(_map(side) for side in both if side.explanation is not None and side.layout.views),
            *_less(both),
        ]

    def code(self, case: Case, write: Writer) -> Code:
        both: tuple[Side, Side] = case.result
        spec = _spec(case)
        if not both[0].word:
            raise CannotBeWritten("It is not kept with the result of which word the maps are.")
        here = both[0].answer.model == case.answer.model
        plain = replace(spec, adapter=NO_ADAPTER if spec.adapter == spec.source else None)
        other = f"sightline.load_model({write.literal(plain if here else spec)})"
        models = ("model", "other") if here else ("other", "model")
        asked = write.call(sides, *models, "answer.question", write.literal(both[0].word))
        return Code((f"other = {other}", f"result = {asked}"))


def _map(side: Side) -> Figure:
    assert side.explanation is not None
    method = explainers().get(side.explanation.method)
    about = side.explanation.about(side.answer)
    values = picture_shares(side.explanation.scores.numpy(), about.layout)
    title = f"{NAMES[side.tuned].capitalize()}: what “{visible(side.said)}” rests on"
    shape = PositionValues(title, values, "share of the picture's score", bool(method and method.signed))
    settings = {"method": side.explanation.method}
    return shape_figure(about, shape, "", settings=settings, methods=docs(type(method)) if method else ())


def _less(both: tuple[Side, Side]) -> list[Figure]:
    one, two = both
    if one.explanation is None or two.explanation is None:
        return []
    try:
        change = difference(one.explanation.scores.numpy(), one.layout, two.explanation.scores.numpy(), two.layout)
    except NotComparable:
        return []
    shape = PositionValues("Difference: with the adapter minus without it", change, "difference of shares", True)
    return [
        shape_figure(one.explanation.about(one.answer), shape, "Each map as shares of its own score on the picture.")
    ]


def _spec(case: Case) -> ModelSpec:
    kept = case.wanted("spec")
    try:
        return kept if isinstance(kept, ModelSpec) else ModelSpec(**{str(name): value for name, value in kept.items()})
    except (TypeError, AttributeError) as error:
        raise CannotBeWritten("It is not kept with the result which models were asked.") from error
