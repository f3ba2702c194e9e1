"""Partial ancestral graphs, as they are drawn: "0 o-> 1"."""

from __future__ import annotations

from typing import Any

from ...causal.pag import Pag
from .containers import listed
from .form import Broken, Form, Given, Out, Plain


class Graph(Form):
    """A graph: how many nodes it has, and its edges."""

    name = "Pag"

    def fits(self, value: object) -> bool:
        return isinstance(value, Pag)

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        return {"size": value.size, "edges": [f"{edge.a} {edge} {edge.b}" for edge in value.edges()]}

    def decode(self, plain: Plain, given: Given) -> Any:
        if not isinstance(plain, dict) or set(plain) != {"size", "edges"} or type(plain["size"]) is not int:
            raise Broken("a graph was expected")
        edges = listed(plain["edges"])
        try:
            if not all(isinstance(edge, str) and len(edge) < 40 for edge in edges):
                raise ValueError("an edge is a text")
            return Pag.parse(plain["size"], edges)
        except ValueError as error:
            raise Broken("a graph's edges are none") from error
