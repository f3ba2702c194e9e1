"""Nodes of a causal graph as every drawing of it has them: image tokens as patches of what the model saw, words as
text."""

from __future__ import annotations

from collections.abc import Callable

from ..answer import Answer, PatchView, TokenKind
from ..causal.discovery import CausalGraph
from ..charts.drawn import DrawnNode, patch_image
from ..charts.tokens import visible
from ..geometry import clip_of, place_in, several_views
from ..masking import as_seen


def drawn_nodes(
    graph: CausalGraph, answer: Answer, details: Callable[[int], tuple[str, ...]] = lambda number: ()
) -> list[DrawnNode]:
    """The nodes in their order; `details` are the lines of a node's tooltip."""
    images = as_seen(answer.question)
    result = []
    for number, node in enumerate(graph.nodes):
        image = None
        if node.kind is TokenKind.IMAGE and node.box is not None and node.image is not None:
            image = patch_image(images[node.image], node.box)
        result.append(DrawnNode(node_name(graph, answer, number), image, details(number)))
    return result


def distances(graph: CausalGraph) -> dict[int, int]:
    """By sequence position the distance of each node of the target's tree."""
    distance = graph.explanation.tree.distance
    return {graph.nodes[node].position: distance[node] for node in graph.explanation.tree.nodes}


def node_name(graph: CausalGraph, answer: Answer, number: int) -> str:
    """A node in a few letters: a patch by its row and column, counted from 1, or a token's text. Untrusted text."""
    node = graph.nodes[number]
    return _short_place(answer, node.position) if node.kind is TokenKind.IMAGE else visible(node.text)


def _short_place(answer: Answer, position: int) -> str:
    place = place_in(answer.layout, position)
    if place is None:
        return f"image {answer.layout.positions(TokenKind.IMAGE).index(position) + 1}"
    view, row, column = place
    image = f"{_short_image(answer, view)} " if len(answer.question.images) > 1 else ""
    part = f"{view.name[0]}{view.name.partition(' ')[2]} " if several_views(answer.layout, view.image) else ""
    return f"{image}{part}r{row} c{column}"


def _short_image(answer: Answer, view: PatchView) -> str:
    """A picture as p2; frames of a video as f3-4, or, of the second one, v2f3-4."""
    clips = answer.question.clips
    clip = clip_of(answer.question, view.image)
    if clip is None:
        return f"p{view.image + 1}"
    first = view.image - clip.first + 1
    video = f"v{clips.index(clip) + 1}" if len(clips) > 1 else ""
    return f"{video}f{first}" if view.frames == 1 else f"{video}f{first}-{first + view.frames - 1}"
