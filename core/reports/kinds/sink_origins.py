"""Where sink patches come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...attention import sink_origin as module
from ...attention.sink_origin import SinkOrigin, sink_origins
from ...attention.sinks import find_sinks
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ._shared import docs, sentences, took


class Origins(Renderer):
    """Which sink patches leave the vision tower as such, and which the decoder makes."""

    key = "sink_origins"
    name = "Origin of sinks"

    def figures(self, case: Case) -> Sequence[Figure]:
        found: tuple[SinkOrigin, ...] = case.result
        rows: list[Row] = [
            {
                "position": origin.position,
                "comes from": origin.origin,
                "size (times the median)": origin.norm,
                "tower's attention (times an even share)": origin.looked_at,
                "first layer": -1 if origin.layer is None else origin.layer,
            }
            for origin in found
        ]
        numbers = {
            "positions": np.array([origin.position for origin in found]),
            "norms": np.array([origin.norm for origin in found]),
            "looked_at": np.array([origin.looked_at for origin in found]),
        }
        said = "" if found else "No patch is a sink."
        caption = sentences(said, "Positions and layers count from 0.", took(case.seconds))
        return [Figure("Where sinks come from", caption, numbers, rows=rows, shown=rows, methods=docs(module))]

    def code(self, case: Case, write: Writer) -> Code:
        sinks = write.call(find_sinks, "answer")
        return Code((f"sinks = {sinks}", f"result = {write.call(sink_origins, 'model', 'answer', 'sinks')}"))
