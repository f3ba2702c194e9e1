"""Tests of a graph's explanation: sets of its image tokens masked until the token changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from ...causal import explanation_test as module
from ...causal.discovery import causal_graph
from ...causal.explanation_test import ExplanationTest, explanation_test
from ...causal.settings import GraphSettings
from ...charts.tokens import visible
from ...mechanisms.results import Row
from ..base import Renderer
from ..case import Case
from ..code import CannotBeWritten, Code, Writer
from ..figure import Figure
from ._shared import NATS, docs, sentences, took

KINDS = {"candidate": "subset", "whole": "whole explanation", "random": "random", "attention": "most attended"}


class Masked(Renderer):
    """What masking an explanation's sets did, beside control sets."""

    key = "explanation_test"
    name = "Test of a causal explanation"

    def figures(self, case: Case) -> Sequence[Figure]:
        test: ExplanationTest = case.result
        trials = [*test.candidates, *([test.whole] if test.whole else []), *test.controls]
        rows: list[Row] = [
            {
                "set": KINDS[trial.kind],
                "image tokens": len(trial.positions),
                "change (nats)": trial.change,
                "token changed": "yes" if trial.changed else "no",
                "says": visible(trial.said),
                "positions": " ".join(map(str, trial.positions)),
            }
            for trial in trials
        ]
        shown = [{name: one for name, one in row.items() if name != "positions"} for row in rows[:60]]
        said = f"{test.masking.sentence[:1].upper()}{test.masking.sentence[1:]}."
        more = f"Of {len(rows)} sets, 60 are listed; the files have all." if len(rows) > len(shown) else ""
        numbers = {"changes": np.array([trial.change for trial in trials], dtype=float)}
        settings = {"radius": test.radius, "masking": test.masking.mode, "fill": test.masking.fill, "cap": test.cap}
        title = f"Test of the causal explanation at distance {test.radius}"
        caption = sentences(test.sentence, said, more, took(case.seconds))
        return [Figure(title, caption, numbers, rows=rows, shown=shown, settings=settings, methods=docs(module))]

    def code(self, case: Case, write: Writer) -> Code:
        test: ExplanationTest = case.result
        if test.stopped:
            raise CannotBeWritten("It was stopped before it was whole.")
        place = case.about.get("graph", case.about)
        if not isinstance(place, Mapping) or not all(
            isinstance(place.get(one), int) for one in ("token", "layer", "head")
        ):
            raise CannotBeWritten("It is not kept with the result of which graph it is.")
        graph = write.call(
            causal_graph,
            *("model", "answer", *(repr(place[name]) for name in ("token", "layer", "head"))),
            write.literal(graph_settings(place.get("settings"))),
        )
        given = {"cap": repr(test.cap), "randoms": repr(sum(trial.kind == "random" for trial in test.controls))}
        again = write.call(
            explanation_test, "model", "answer", "graph", repr(test.radius), write.literal(test.masking), **given
        )
        return Code((f"graph = {graph}", f"result = {again}"), rounding=NATS)


def graph_settings(kept: object) -> GraphSettings:
    """The settings of a graph. Raises CannotBeWritten where they are not kept."""
    if isinstance(kept, GraphSettings):
        return kept
    known = {field.name for field in fields(GraphSettings)}
    if not isinstance(kept, Mapping) or not known.issuperset(kept):
        raise CannotBeWritten("It is not kept with which settings the graph was learned.")
    try:
        return GraphSettings(**kept)
    except (TypeError, ValueError) as error:
        raise CannotBeWritten("It is not kept with which settings the graph was learned.") from error
