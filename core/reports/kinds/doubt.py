"""Signals of doubt of an answer's words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...charts.tokens import visible
from ...doubt.content import content_words
from ...doubt.measure import Measured, measure
from ...doubt.registry import signals
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ._shared import NATS, docs, sentences, took


class DoubtSignals(Renderer):
    """A row for each content word, a column for each signal."""

    key = "doubt"
    name = "Signals of doubt"

    def figures(self, case: Case) -> Sequence[Figure]:
        measured: Measured = case.result
        words = [visible(word.text) for word in content_words(case.answer)]
        known = {key: values for key, values in measured.values.items() if key in signals()}
        rows: list[Row] = [
            {"word": word, **{signals()[key].name: values[number] for key, values in known.items()}}
            for number, word in enumerate(words)
            if all(len(values) == len(words) for values in known.values())
        ]
        said = "Figures that may tell wrong words from right ones; how well they do is measured for each model apart."
        numbers = {key: np.array(values, dtype=float) for key, values in known.items()}
        caption = sentences(said, *measured.refused.values(), took(case.seconds))
        methods = docs(*(type(signals()[key]) for key in known))
        return [Figure("Signals of doubt", caption, numbers, None, rows, shown=rows, methods=methods)]

    def code(self, case: Case, write: Writer) -> Code:
        measured: Measured = case.result
        keys = [*measured.values, *measured.refused]
        words = f"[word.tokens for word in {write.call(content_words, 'answer')}]"
        made = write.call(measure, "model", "answer", words, write.literal(keys))
        return Code((f"result = {made}",), rounding=10 * NATS)
