"""Path patching: what single edges of a circuit carry."""

from __future__ import annotations

from collections.abc import Sequence

from ...circuits import path_patching as method
from ...circuits.path_patching import PatchedEdges, path_patching
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ._shared import NATS, docs, sentences, took


class PathPatching(Renderer):
    """The edges in a table."""

    key = "patched_edges"
    name = "Path patching"

    def figures(self, case: Case) -> Sequence[Figure]:
        patched: PatchedEdges = case.result
        return [
            Figure(
                title="Edges by path patching",
                caption=sentences(
                    f"Of {case.target_words}: what each edge alone carries, in nats.", took(case.seconds)
                ),
                numbers={"carried": patched.carried},
                rows=patched.rows(),
                methods=docs(method),
            )
        ]

    def code(self, case: Case, write: Writer) -> Code:
        patched: PatchedEdges = case.result
        target, edges = write.literal(patched.target), write.literal(patched.edges)
        again = write.call(path_patching, "model", "answer", target, "corruption", edges)
        return Code((f"corruption = {write.literal(patched.corruption)}", f"result = {again}"), rounding=NATS)
