"""Nodes of a causal graph as a report draws them: image tokens as patches of what the model saw, words as text."""

from __future__ import annotations

from ..answer import Answer, TokenKind
from ..causal.discovery import CausalGraph
from ..charts.drawn import DrawnNode, patch_image
from ..charts.tokens import visible
from ..geometry import place_in
from ..masking import as_seen


def drawn_nodes(graph: CausalGraph, answer: Answer) -> list[DrawnNode]:
    """The nodes in their order."""
    images = as_seen(answer.question)
    result = []
    for number, node in enumerate(graph.nodes):
        image = None
        if node.kind is TokenKind.IMAGE and node.box is not None and node.image is not None:
            image = patch_image(images[node.image], node.box)
        result.append(DrawnNode(node_name(graph, answer, number), image))
    return result


def node_name(graph: CausalGraph, answer: Answer, number: int) -> str:
    """A node in a few letters: a patch by its row and column, counted from 1, or a token's text. Untrusted text."""
    node = graph.nodes[number]
    if node.kind is not TokenKind.IMAGE:
        return visible(node.text)
    place = place_in(answer.layout, node.position)
    if place is None:
        return f"image {answer.layout.positions(TokenKind.IMAGE).index(node.position) + 1}"
    view, row, column = place
    picture = f"p{view.image + 1} " if len(answer.question.images) > 1 else ""
    return f"{picture}r{row} c{column}"
