"""Corrupted runs, repaired state by state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...mechanisms import tracing
from ...mechanisms.causal_tracing import CausalTracing, not_reached, over_samples, total_effect
from ...mechanisms.corruption import Noise
from ...mechanisms.results import LayerValues
from ...mechanisms.tracing import Trace, trace
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import NATS, docs, sentences, took


class Traced(Renderer):
    """What restored states give back of a target."""

    key = "trace"
    name = "Causal tracing"

    def figures(self, case: Case) -> Sequence[Figure]:
        traced: Trace = case.result
        corruption = traced.corruption
        how = {"scale": corruption.scale, "seed": corruption.seed} if isinstance(corruption, Noise) else {}
        what = "noise" if isinstance(corruption, Noise) else corruption.words
        settings = {"corrupted by": what, "samples": traced.samples, "window": traced.window, **how}
        partly = f"It was stopped when {traced.complete:.0%} were done." if traced.complete < 1 else ""
        caption = sentences(
            total_effect(traced), CausalTracing.caveat, not_reached(case.answer, traced), partly, took(case.seconds)
        )
        figures = []
        for number, site in enumerate(traced.sites):
            effects, spread = over_samples(traced.indirect[:, number])
            shape = LayerValues(
                f"Effect on the log-probability of restoring ({site.value} of each layer): {case.target_words}",
                effects,
                traced.layers,
                traced.places,
                spread=spread if traced.samples > 1 else None,
            )
            figure = shape_figure(case.answer, shape, caption, settings=settings, methods=docs(tracing))
            numbers = {
                "logprob": traced.logprob[:, number],
                "corrupted_logprob": traced.corrupted_logprob,
                "probability": traced.probability[:, number],
                "corrupted_probability": traced.corrupted_probability,
            }
            figures.append(replace(figure, numbers={**figure.numbers, **numbers}))
        return figures

    def code(self, case: Case, write: Writer) -> Code:
        traced: Trace = case.result
        if traced.complete < 1:
            raise CannotBeWritten("It was stopped before it was whole.")
        again = write.call(
            trace,
            *("model", "answer", write.literal(traced.target), "corruption", "places"),
            sites=write.literal(tuple(traced.sites)),
            window=repr(traced.window),
            layers=write.literal(list(traced.layers)),
        )
        return Code(
            (
                f"corruption = {write.literal(traced.corruption)}",
                f"places = {write.literal(list(traced.places))}",
                f"result = {again}",
            ),
            rounding=NATS,
        )
