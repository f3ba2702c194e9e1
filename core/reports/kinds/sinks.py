"""Positions that soak attention up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...attention import sinks
from ...attention.sinks import Sinks, find_sinks
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ._shared import docs, sentences, took


class Soaking(Renderer):
    """The sinks among the prompt's positions."""

    key = "sinks"
    name = "Attention sinks"

    def figures(self, case: Case) -> Sequence[Figure]:
        found: Sinks = case.result
        labels = case.answer.labels
        rows: list[Row] = [
            {
                "position": sink.position,
                "kind": sink.kind,
                "token": labels[sink.position] if sink.position < len(labels) else "",
                "share of all attention": sink.weight,
                "times an even spread": sink.times,
            }
            for sink in found.all
        ]
        steady = "" if found.steady else "The answer is too short to see whether a sink stays one."
        numbers = {
            "positions": np.array([sink.position for sink in found.all]),
            "weights": np.array([sink.weight for sink in found.all]),
        }
        said = sentences("The first position always counts as one.", steady, took(case.seconds))
        # Positions count from 0 in files, and from 1 for people.
        shown: list[Row] = [{**row, "position": sink.position + 1} for row, sink in zip(rows, found.all, strict=True)]
        return [Figure("Attention sinks", said, numbers, rows=rows, shown=shown, methods=docs(sinks))]

    def code(self, case: Case, write: Writer) -> Code:
        factor = case.about.get("factor")
        given = [] if factor is None else [write.literal(float(factor))]
        return Code((f"result = {write.call(find_sinks, 'answer', *given)}",))
