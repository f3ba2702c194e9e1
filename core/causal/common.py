"""What graphs of different answers have in common: edges between nodes that stand for the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from ..answer import Answer, TokenKind
from ..geometry import place_in
from .discovery import CausalGraph

Identity = tuple[Hashable, ...]


@dataclass(frozen=True)
class SharedEdge:
    """An edge between two nodes. `in_graphs` says by the number of a graph how the edge is drawn there, from the first
    of the two to the second ("-->", "<->", "o->")."""

    nodes: tuple[Identity, Identity]
    in_graphs: Mapping[int, str]


def identities(graph: CausalGraph, answer: Answer) -> tuple[Identity, ...]:
    """What each node stands for, whatever its answer: the target; a place of the picture (its number, view, the rows
    and columns of that view, its own row and column from 1); a word of the question or the answer, and which of those
    that are spelled so."""
    spelled: dict[tuple[TokenKind, str], int] = {}
    named: list[Identity] = []
    for number, node in enumerate(graph.nodes):
        if number == graph.target:
            named.append(("target",))
        elif node.kind is TokenKind.IMAGE:
            place = place_in(answer.layout, node.position)
            view = None if place is None else place[0]
            # The same row and column of a finer raster are another place.
            raster = () if view is None else (view.image, view.name, view.rows, view.columns)
            where = (node.position,) if place is None else (*raster, *place[1:])
            named.append(("picture", *where))
        else:
            text = node.text.strip()
            spelled[node.kind, text] = spelled.get((node.kind, text), 0) + 1
            named.append((node.kind.value, text, spelled[node.kind, text]))
    return tuple(named)


def shared_edges(graphs: Sequence[tuple[CausalGraph, Answer]]) -> tuple[SharedEdge, ...]:
    """The edges of some graphs: those that most of them have first, then in the order in which they are met."""
    found: dict[tuple[Identity, Identity], dict[int, str]] = {}
    for number, (graph, answer) in enumerate(graphs):
        named = identities(graph, answer)
        for edge in graph.learned.graph.edges():
            nodes, drawn = (named[edge.a], named[edge.b]), str(edge)
            if (nodes[1], nodes[0]) in found:
                nodes, drawn = (nodes[1], nodes[0]), turned(drawn)
            found.setdefault(nodes, {})[number] = drawn
    return tuple(
        sorted((SharedEdge(nodes, drawn) for nodes, drawn in found.items()), key=lambda edge: -len(edge.in_graphs))
    )


def turned(drawn: str) -> str:
    """An edge as it is drawn from its other end: "o->" is "<-o"."""
    return drawn[::-1].translate(str.maketrans("<>", "><"))
