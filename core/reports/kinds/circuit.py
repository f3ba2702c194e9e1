"""Circuits: which edges carry an effect, and how that was tested."""

from __future__ import annotations

from collections.abc import Sequence

from ...circuits import circuit as circuits
from ...circuits import faithfulness, scores
from ...circuits.circuit import Circuit, find_circuit
from ...circuits.told import curves_of, rows_of, sentence_of
from ...mechanisms.results import PositionValues
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ..shapes import shape_figure
from ._shared import NATS, docs, sentences, took

MOST = 20
"""Edges in the table that is printed; the files have all."""


class FoundCircuit(Renderer):
    """The curve of a circuit beside its controls, its edges, and the patches that they begin at."""

    key = "circuit"
    name = "Circuit"

    def figures(self, case: Case) -> Sequence[Figure]:
        circuit: Circuit = case.result
        settings = {"share": circuit.share, "steps": circuit.steps, "random orders": len(circuit.random)}
        papers = docs(circuits, faithfulness, scores)
        caption = sentences(f"Of {case.target_words}.", sentence_of(circuit), took(case.seconds))
        curve = shape_figure(case.answer, curves_of(circuit), caption, settings=settings, methods=papers)
        rows = rows_of(circuit)
        kept = [row for row in rows if row["kept"]]
        edges = Figure(
            title="Edges of the circuit",
            caption=f"The first {min(MOST, len(kept))} of {len(kept)} by score, in nats.",
            numbers={"scores": circuit.scores, "kept": circuit.kept},
            rows=rows,
            shown=kept[:MOST],
            settings=settings,
            methods=papers,
        )
        if circuit.graph.source("image") is None:
            return [curve, edges]
        title = "Where the picture's edges begin"
        patches = PositionValues(title, circuit.picture_positions, testable=False)
        drawn = shape_figure(case.answer, patches, "The scores of the kept edges from each patch.", settings=settings)
        return [curve, edges, drawn]

    def code(self, case: Case, write: Writer) -> Code:
        circuit: Circuit = case.result
        again = write.call(
            find_circuit,
            *("model", "answer", write.literal(circuit.target), "corruption"),
            share=repr(circuit.share),
            steps=repr(circuit.steps),
            draws=repr(len(circuit.random)),
            seed=repr(circuit.seed),
        )
        return Code((f"corruption = {write.literal(circuit.corruption)}", f"result = {again}"), rounding=NATS)
