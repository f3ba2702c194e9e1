"""Maps of a model whose weights are shuffled, block after block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...evidence.randomisation import Randomisation, Randomised, randomise
from ...explainers.registry import explainers
from ...mechanisms.results import Curve, Curves
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import docs, sentences, setting_arguments, took
from .explanation import explained


class Shuffled(Renderer):
    """How alike a map stays as the model forgets."""

    key = "randomised"
    name = "Randomised weights"

    def figures(self, case: Case) -> Sequence[Figure]:
        randomised: Randomised = case.result
        method = explainers().get(randomised.method)
        values = np.array([stage.correlation for stage in randomised.stages], dtype=float)
        at = [float(number) for number in range(1, len(values) + 1)]
        shape = Curves(
            f"{method.name if method else randomised.method} under shuffled weights",
            (Curve("rank correlation with the map", at, values),),
            "blocks shuffled, from the output down",
            "correlation",
        )
        rows = [{"block": stage.block, "correlation": stage.correlation} for stage in randomised.stages]
        caption = sentences(Randomisation.caveat, took(randomised.seconds))
        settings = {"method": randomised.method}
        figure = shape_figure(case.answer, shape, caption, settings=settings, methods=docs(Randomisation))
        return [replace(figure, rows=rows)]

    def code(self, case: Case, write: Writer) -> Code:
        randomised: Randomised = case.result
        own = case.map_settings
        if randomised.method not in explainers():
            raise CannotBeWritten("The map is no method's of this version.")
        if randomised.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        target = write.literal(case.wanted_target)
        given = {name: write.literal(case.about[name]) for name in ("stages", "seed") if name in case.about}
        again = write.call(randomise, "model", "answer", "[explanation]", **given)
        return Code(
            (
                f"explanation = {explained(write, randomised.method, target, setting_arguments(write, own))}",
                f"[result] = {again}",
            )
        )
