"""Nodes and edges of a causal graph as every drawing of it has them: the page, the tree, and the picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from ..answer import Box
from ..causal.pag import Edge, Mark
from .palette import NEUTRAL
from .tokens import cut, visible

THUMBNAIL = 40
"""Side of a patch in the graph, in pixels."""
LONGEST_LABEL = 14

MEANINGS = {
    "-->": "causes",
    "o->": "causes, or shares an unseen cause",
    "<->": "share an unseen cause (latent confounder): neither causes the other",
    "o-o": "related; the tests cannot tell how",
    "o--": "related through selection, or is a cause",
    "---": "related through selection",
}
"""What each kind of edge says, from its left end to its right."""


@dataclass(frozen=True, eq=False)
class DrawnNode:
    """How a node is drawn: an image token as its patch, a word as its text. `details` are lines of its tooltip."""

    label: str
    image: Image.Image | None = None
    details: tuple[str, ...] = ()


def patch_image(image: Image.Image, box: Box) -> Image.Image:
    """The pixels of an image token, as a square thumbnail; what lies outside the picture is grey."""
    left, top, right, bottom = (round(edge) for edge in box)
    part = Image.new("RGB", (max(right - left, 1), max(bottom - top, 1)), NEUTRAL)
    inside = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    if inside[0] < inside[2] and inside[1] < inside[3]:
        part.paste(image.convert("RGB").crop(inside), (inside[0] - left, inside[1] - top))
    return part.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)


def edge_kind(edge: Edge) -> str:
    """The edge as it is drawn from its weaker mark to its stronger: one of the kinds that have a colour."""
    rank = {Mark.ARROW: 2, Mark.TAIL: 1, Mark.CIRCLE: 0}
    first, second = sorted((edge.mark_a, edge.mark_b), key=rank.__getitem__)
    return f"{'<' if first is Mark.ARROW else first}-{second}"


def shortened(label: str) -> str:
    """A label that fits beside its node: visible, and at most `LONGEST_LABEL` long."""
    return cut(visible(label), LONGEST_LABEL)
