"""Attention cut along one way, in a sliding window of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...charts.tokens import visible
from ...mechanisms import knockout
from ...mechanisms.attention_knockout import AttentionKnockout, ways
from ...mechanisms.knockout import CutCurve, cut_curve, knockout_curves
from ...mechanisms.results import Curve, Curves, Row
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import NATS, docs, sentences, target_line, token_target_lines, took


class OneCut(Renderer):
    """What one cut does to a target in every window of layers."""

    key = "cut_curve"
    name = "Attention knockout"

    def figures(self, case: Case) -> Sequence[Figure]:
        curve: CutCurve = case.result
        name = visible(str(case.about.get("cut", "one way")))
        middles = [first + (curve.window - 1) / 2 for first in curve.starts]
        shape = Curves(
            f"Attention cut, {name}: {case.target_words}",
            (Curve(name, middles, np.array(curve.change, dtype=float)),),
            "middle of the layers cut",
        )
        said = (
            f"The change of the target's log-probability, which is {curve.before:.5f} uncut, by the layers that are "
            f"cut, {curve.window} at a time."
        )
        caption = sentences(said, AttentionKnockout.caveat, took(case.seconds))
        settings = {"window": curve.window, "cut": name}
        figure = shape_figure(case.answer, shape, caption, settings=settings, methods=docs(knockout))
        rows: list[Row] = [
            {"first layer": first, "change": change, "probability": probability, "says": said}
            for first, change, probability, said in zip(
                curve.starts, curve.change, curve.probability, curve.said, strict=True
            )
        ]
        probability = np.array(curve.probability, dtype=float)
        return [replace(figure, numbers={**figure.numbers, "probability": probability}, rows=rows)]

    def code(self, case: Case, write: Writer) -> Code:
        curve: CutCurve = case.result
        lines = [target_line(case, write), *token_target_lines(case, write)[1:]]
        cuts = write.call(ways, "model", "answer", "token_targets")
        curves = write.call(knockout_curves, "model", "answer", "target", "[cut]", repr(curve.window))
        return Code(
            (
                *lines,
                f"cut = {cuts}[{write.literal(case.wanted('cut'))}]",
                f"curves = {curves}",
                f"result = {write.call(cut_curve, 'model', 'curves')}",
            ),
            rounding=NATS,
        )
