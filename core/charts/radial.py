"""Where the nodes of a causal graph stand: the target in the middle, others on rings at their distance from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..causal.explanation import NodeExplanation

STEP = 100.0
"""Least distance between rings, in pixels."""
ROOM = 66.0
"""Least distance between neighbours on a ring, in pixels: a patch and a gap."""

FEW = 12
"""So many nodes outside the tree stand on one ring."""


@dataclass(frozen=True)
class Radial:
    """Places by node in pixels around the target (y downwards), and the rings' radii by distance from 1.

    `outside` are the nodes that the target's tree does not reach; they stand in zigzag on two more rings, of radius
    `outer` and `ROOM` beyond it, or all on `outer` where they are few.
    """

    places: dict[int, tuple[float, float]]
    rings: tuple[float, ...]
    outside: tuple[int, ...]
    outer: float | None

    @property
    def reach(self) -> float:
        """How far the outermost node stands from the target; 0 for a target that stands alone."""
        return max((math.hypot(x, y) for x, y in self.places.values()), default=0.0)


def radial(explanation: NodeExplanation, radius: int | None = None, *, others: bool = True) -> Radial:
    """A radial tree layout: children stand in their parent's sector, whose width is its share of the leaves.

    Only the tree out to `radius` (None: all of it) is placed on rings, and with `others` all remaining nodes outside.
    No two nodes stand closer than `ROOM`.
    """
    shown = set(explanation.tree.nodes if radius is None else explanation.within(radius))
    children: dict[int, list[int]] = {}
    for node in sorted(shown):
        children.setdefault(explanation.parents[node], []).append(node)
    leaves: dict[int, int] = {}

    def count(node: int) -> int:
        leaves[node] = sum(count(child) for child in children.get(node, ())) or 1
        return leaves[node]

    whole = count(explanation.target)
    distance = explanation.tree.distance
    rings: list[float] = []
    for level in range(1, max((distance[node] for node in shown), default=0) + 1):
        narrowest = min(leaves[node] for node in shown if distance[node] == level) / whole
        # Neighbours at least `narrowest` of the circle apart, along the chord.
        chord = 2 * math.sin(math.pi * min(narrowest, 0.5))
        rings.append(max((rings[-1] if rings else 0.0) + STEP, ROOM / chord))
    places = {explanation.target: (0.0, 0.0)}

    def place(node: int, start: float, width: float) -> None:
        for child in children.get(node, ()):
            share = width * leaves[child] / leaves[node]
            angle, ring = start + share / 2, rings[distance[child] - 1]
            places[child] = (ring * math.sin(angle), -ring * math.cos(angle))
            place(child, start, share)
            start += share

    place(explanation.target, 0.0, 2 * math.pi)
    outside: tuple[int, ...] = ()
    outer: float | None = None
    if others:
        outside = tuple(n for n in range(explanation.others + 1) if n not in shown and n != explanation.target)
    if outside:
        # In zigzag the next node but one is the neighbour on the ring, so the rings need half the room. An odd one
        # out leaves a gap, so that the last and the first do not stand side by side on one ring.
        zigzag = len(outside) > FEW
        slots = len(outside) + (len(outside) % 2 if zigzag else 0)
        chord = 2 * math.sin(math.pi * (2 if zigzag else 1) / max(slots, 2))
        outer = max((rings[-1] if rings else 0.0) + STEP, ROOM / chord)
        for index, node in enumerate(outside):
            angle = 2 * math.pi * (index + 0.5) / slots
            ring = outer + (ROOM if zigzag and index % 2 else 0.0)
            places[node] = (ring * math.sin(angle), -ring * math.cos(angle))
    return Radial(places, tuple(rings), outside, outer)
