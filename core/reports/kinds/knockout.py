"""Attention cut between groups of tokens, in a sliding window of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...mechanisms import knockout
from ...mechanisms.attention_knockout import AttentionKnockout
from ...mechanisms.knockout import KnockoutCurves, knockout_curves
from ...mechanisms.results import Curve, Curves
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import NATS, docs, sentences, took


class Cutting(Renderer):
    """What cuts do to a target in every window of layers."""

    key = "knockout"
    name = "Attention knockout"

    def figures(self, case: Case) -> Sequence[Figure]:
        curves: KnockoutCurves = case.result
        cutting = list(curves.cutting)
        middles = [first + (curves.window - 1) / 2 for first in cutting]
        drawn = []
        for number, cut in enumerate(curves.cuts):
            drawn.append(Curve(f"{cut.source.name} → {cut.reader.name}", middles, curves.change[number, cutting]))
        shape = Curves(f"Attention cut: {case.target_words}", drawn, "middle of the layers cut")
        partly = f"It was stopped when {curves.complete:.0%} were done." if curves.complete < 1 else ""
        said = (
            f"The change of the target's log-probability, which is {curves.before.logprob:.5f} uncut, by the layers "
            f"that are cut, {curves.window} at a time."
        )
        caption = sentences(said, AttentionKnockout.caveat, partly, took(case.seconds))
        settings = {"window": curves.window, "cuts": len(curves.cuts)}
        figure = shape_figure(case.answer, shape, caption, settings=settings, methods=docs(knockout))
        numbers = {"logprob": curves.logprob, "probability": curves.probability, "top": np.asarray(curves.top)}
        return [replace(figure, numbers={**figure.numbers, **numbers})]

    def code(self, case: Case, write: Writer) -> Code:
        curves: KnockoutCurves = case.result
        if curves.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        cuts, target = write.literal(list(curves.cuts)), write.literal(curves.target)
        return Code(
            (
                f"cuts = {cuts}",
                f"result = {write.call(knockout_curves, 'model', 'answer', target, 'cuts', repr(curves.window))}",
            ),
            rounding=NATS,
        )
