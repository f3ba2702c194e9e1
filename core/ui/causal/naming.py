"""Nodes of a graph in words and as they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ...answer import Answer, PatchView, TokenKind
from ...causal.discovery import CausalGraph
from ...charts.drawn import DrawnNode, patch_image
from ...charts.tokens import visible
from ...geometry import clip_of, place_in
from ...masking import as_seen
from ..widgets.places import place_of, several_views


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
    """The nodes as the graph draws them: image tokens as patches of what the model saw, words as text."""
    images = as_seen(answer.question)
    distance = graph.explanation.tree.distance
    result = []
    for number, node in enumerate(graph.nodes):
        details = [name_of(graph, answer, number)]
        if number != graph.target:
            details.append(f"attention from the target {node.attention:.2%}")
            steps = distance.get(number)
            details.append(f"distance {steps}" if steps else "not in the target's tree")
        if node.kind is TokenKind.IMAGE:
            row_column = _short_place(answer, node.position)
            image = None
            if node.box is not None and node.image is not None:
                image = patch_image(images[node.image], node.box)
            result.append(DrawnNode(row_column, image, tuple(details)))
        else:
            result.append(DrawnNode(node.text, None, tuple(details)))
    return result


def _short_place(answer: Answer, position: int) -> str:
    place = place_in(answer.layout, position)
    if place is None:
        return f"image {answer.layout.positions(TokenKind.IMAGE).index(position) + 1}"
    view, row, column = place
    image = f"{_short_image(answer, view)} " if len(answer.question.images) > 1 else ""
    part = f"{view.name[0]}{view.name.partition(' ')[2]} " if several_views(answer, view.image) else ""
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


def nats(change: float) -> str:
    """A change of a log-probability; what rounds to nothing has no sign."""
    return f"{change:+.3f} nats" if abs(change) >= 0.0005 else "0.000 nats"


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
