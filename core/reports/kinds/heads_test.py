"""Tests of the explanations of all heads of a layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...causal import rates
from ...causal.heads import HeadsTest, heads_tests
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ._shared import NATS, docs, sentences, took


class Heads(Renderer):
    """Which heads' explanations move the token."""

    key = "heads_test"
    name = "Test of all heads of a layer"

    def figures(self, case: Case) -> Sequence[Figure]:
        test: HeadsTest = case.result
        rows: list[Row] = []
        for head in test.ranked:
            flip = test.flip(head)
            if flip is None:
                rows.append({"head": head, "image tokens": "not masked"})
                continue
            rows.append(
                {
                    "head": head,
                    "image tokens": flip.size,
                    "change (nats)": flip.explanation.change,
                    "random sets (nats)": float(np.mean([one.change for one in flip.randoms]))
                    if flip.randoms
                    else np.nan,
                    "most attended (nats)": flip.attention.change,
                    "token changed": "yes" if flip.explanation.flipped else "no",
                }
            )
        flips = test.rates.flips
        numbers = {
            "heads": np.array([flip.head for flip in flips]),
            "changes": np.array([flip.explanation.change for flip in flips], dtype=float),
            "random": np.array([[one.change for one in flip.randoms] for flip in flips], dtype=float),
            "attention": np.array([flip.attention.change for flip in flips], dtype=float),
        }
        said = (
            f"The explanation set of each head at distance {test.rates.radius} is masked whole "
            f"({test.rates.masking.sentence}), beside random sets and the most attended patches of its size. Heads "
            "whose set holds no image token, or nearly all tokens, are not masked."
        )
        token = f": token {test.graphs[0].token + 1} of the answer" if test.graphs else ""
        title = f"Heads of layer {test.layer} by what masking their causal explanation does{token}"
        settings = {"layer": test.layer, "radius": test.rates.radius, "masking": test.rates.masking.mode}
        caption = sentences(said, took(case.seconds))
        return [Figure(title, caption, numbers, rows=rows, shown=rows, settings=settings, methods=docs(rates))]

    def code(self, case: Case, write: Writer) -> Code:
        test: HeadsTest = case.result
        if not test.graphs:
            raise CannotBeWritten("No head of this layer has a graph.")
        first, flips = test.graphs[0], test.rates.flips
        wanted = {test.layer: tuple(graph.head for graph in test.graphs)}
        given = {"randoms": repr(len(flips[0].randoms))} if flips else {}
        again = write.call(
            heads_tests,
            *("model", "answer", repr(first.token), write.literal(wanted), write.literal(first.settings)),
            *(repr(test.rates.radius), write.literal(test.rates.masking)),
            **given,
        )
        return Code((f"[result] = {again}",), rounding=NATS)


class SomeHeads(Heads):
    """The same of a sample of a layer's heads."""

    key = "heads_sample"
    name = "Test of some heads of a layer"
