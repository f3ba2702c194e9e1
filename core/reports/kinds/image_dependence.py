"""How much the picture speaks for each word of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ...charts.heads import word_bars
from ...evidence.dependence import ImageDependence, image_dependence
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..drawing import Chart
from ..figure import Figure
from ._shared import NATS, docs, sentences, took


class Dependence(Renderer):
    """The log-probability of each token with the picture, minus that with an empty one."""

    key = "image_dependence"
    name = "Image dependence"

    def figures(self, case: Case) -> Sequence[Figure]:
        values = np.asarray(case.result, dtype=float)
        labels = [token.label for token in case.answer.tokens]
        rows = [
            {"token": number, "text": text, "nats": float(value)}
            for number, (text, value) in enumerate(zip(labels, values, strict=False), 1)
        ]
        said = "In nats: the log-probability of each token with the picture, minus that with an empty one."
        bars = (
            Chart(partial(word_bars, labels, values, title="nats", width=320)) if len(labels) == len(values) else None
        )
        return [
            Figure(
                "Image dependence of each token",
                sentences(said, ImageDependence.caveat, took(case.seconds)),
                {"values": values},
                bars,
                rows,
                shown=rows if (values <= 0).any() else (),
                methods=docs(ImageDependence),
            )
        ]

    def code(self, case: Case, write: Writer) -> Code:
        fill = case.about.get("fill")
        given = {} if fill is None else {"fill": write.literal(fill)}
        return Code((f"result = {write.call(image_dependence, 'model', 'answer', **given)}",), rounding=NATS)
