"""Nodes of a graph in words and as they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ...answer import Answer, TokenKind
from ...causal.discovery import CausalGraph
from ...charts.drawn import DrawnNode
from ...charts.tokens import visible
from ...reports.nodes import drawn_nodes
from ..widgets.places import place_of


def name_of(graph: CausalGraph, answer: Answer, number: int) -> str:
    """A node in words. Untrusted text: escape it where it could be Markdown."""
    node = graph.nodes[number]
    if number == graph.target:
        return f"target “{visible(node.text)}”"
    if node.kind is TokenKind.IMAGE:
        return f"{'image token' if node.box is None else 'patch'} {place_of(answer, node.position)}"
    part = "answer" if node.kind is TokenKind.ANSWER else "question"
    return f"{part} “{visible(node.text)}” (position {node.position + 1})"


def names_of(graph: CausalGraph, answer: Answer, numbers: Sequence[int]) -> str:
    return ", ".join(name_of(graph, answer, number) for number in numbers) or "nothing"


def drawn(graph: CausalGraph, answer: Answer) -> list[DrawnNode]:
    """The nodes as the page draws them, each with what is said where it is pointed at."""
    distance = graph.explanation.tree.distance

    def details(number: int) -> tuple[str, ...]:
        name = name_of(graph, answer, number)
        if number == graph.target:
            return (name,)
        steps = distance.get(number)
        attention = f"attention from the target {graph.nodes[number].attention:.2%}"
        return (name, attention, f"distance {steps}" if steps else "not in the target's tree")

    return drawn_nodes(graph, answer, details)


SAYS = {
    "-->": "{a} causes {b}",
    "o->": "{a} causes {b}, or something unseen drives both (a latent confounder)",
    "<->": "a latent confounder: something that is no node here drives both, and neither causes the other",
    "o-o": "related; the tests cannot tell how",
    "o--": "related through selection, or {b} causes {a}",
    "---": "related through selection",
}
"""What each kind of edge says of its left end a and its right end b."""


def edge_in_words(edge: str, a: str, b: str) -> str:
    """What an edge says that is drawn from `a` to `b` ("" for none). Untrusted where the names are."""
    if not edge:
        return "no edge: other tokens separate the two"
    if edge not in SAYS:
        # Read it from the other end, as the legend has it.
        turned = {"<": ">", ">": "<"}
        left, right = edge[0], edge[-1]
        return edge_in_words(f"{turned.get(right, right)}-{turned.get(left, left)}", b, a)
    return SAYS[edge].format(a=a, b=b)
