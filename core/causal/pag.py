"""A partial ancestral graph (PAG): which tokens are directly related, and what is known of the direction.

Each end of an edge carries a mark. An arrowhead at b on the edge between a and b says that b is no cause of a, a tail
that it is one, a circle that the tests cannot tell. So a --> b is a cause, a <-> b a latent confounder (neither
causes the other), a o-> b either of the two, a o-o b unknown, and a --- b selection. (Richardson & Spirtes 2002;
Zhang 2008, "On the completeness of orientation rules for causal discovery in the presence of latent confounders and
selection bias".)

Nodes are numbered from 0; sets of nodes are bit masks of a Python int, which makes the rules of `orientation.py` a
few operations on whole neighbourhoods.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Int8

LARGEST = 64
"""Most nodes of a graph: conditioning sets are kept as 64-bit masks."""


class Mark(StrEnum):
    """What stands at one end of an edge."""

    CIRCLE = "o"
    ARROW = ">"
    TAIL = "-"


_EDGE = re.compile(r"(\d+)\s*([<o-])-([>o-])\s*(\d+)")


@dataclass(frozen=True)
class Edge:
    """An edge between `a` < `b` with the marks at both ends. str(edge) draws it: "o->", "<->", "-->"."""

    a: int
    b: int
    mark_a: Mark
    mark_b: Mark

    def __str__(self) -> str:
        return f"{'<' if self.mark_a is Mark.ARROW else self.mark_a}-{self.mark_b}"


def bits(mask: int) -> Iterator[int]:
    """The numbers of the set bits, from the lowest."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def mask_of(nodes: Sequence[int] | Iterator[int]) -> int:
    """The bit mask of some nodes."""
    mask = 0
    for node in nodes:
        mask |= 1 << int(node)
    return mask


def _those_with(masks: Sequence[int], bit: int) -> int:
    """The numbers of the masks in which a bit is set, as a mask."""
    return sum([1 << number for number, mask in enumerate(masks) if mask & bit])


class Pag:
    """A PAG over `size` nodes; it starts without edges.

    `adjacent[i]` is the mask of i's neighbours; `arrows[i]`, `circles[i]` and `tails[i]` say which of them have that
    mark *at i*. The three are disjoint and their union is `adjacent[i]`.
    """

    def __init__(self, size: int) -> None:
        if not 0 <= size <= LARGEST:
            raise ValueError(f"a graph has at most {LARGEST} nodes, and this one {size}")
        self.size = size
        self.adjacent = [0] * size
        self.arrows = [0] * size
        self.circles = [0] * size
        self.tails = [0] * size

    @classmethod
    def complete(cls, size: int) -> Pag:
        """Every pair joined by o-o."""
        graph = cls(size)
        everyone = (1 << size) - 1
        graph.adjacent = [everyone & ~(1 << node) for node in range(size)]
        graph.circles = list(graph.adjacent)
        return graph

    @classmethod
    def parse(cls, size: int, edges: Sequence[str]) -> Pag:
        """A graph from edges as they are drawn: "0 --> 1", "2 <-> 1", "1 o-> 3", "0 o-o 3", "0 --- 2".

        Raises ValueError for anything else.
        """
        graph = cls(size)
        for text in edges:
            match = _EDGE.fullmatch(text.strip())
            if match is None:
                raise ValueError(f"not an edge: {text!r}")
            a, left, right, b = int(match[1]), match[2], match[3], int(match[4])
            if a == b or not (a < size and b < size) or graph.connected(a, b):
                raise ValueError(f"an edge joins two nodes of the graph, and once: {text!r}")
            graph.join(a, b, Mark.ARROW if left == "<" else Mark(left), Mark(right))
        return graph

    def copy(self) -> Pag:
        twin = Pag(self.size)
        twin.adjacent, twin.arrows = list(self.adjacent), list(self.arrows)
        twin.circles, twin.tails = list(self.circles), list(self.tails)
        return twin

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pag) and self.edges() == other.edges() and self.size == other.size

    __hash__ = None  # type: ignore[assignment]

    # Edges and marks

    def connected(self, a: int, b: int) -> bool:
        return bool(self.adjacent[a] >> b & 1)

    def mark(self, at: int, other: int) -> Mark | None:
        """The mark at `at` on the edge from `other`; None without an edge."""
        bit = 1 << other
        if self.circles[at] & bit:
            return Mark.CIRCLE
        if self.arrows[at] & bit:
            return Mark.ARROW
        return Mark.TAIL if self.tails[at] & bit else None

    def set_mark(self, at: int, other: int, mark: Mark) -> None:
        """Put a mark at `at` on the edge from `other`."""
        bit = 1 << other
        self.arrows[at] &= ~bit
        self.circles[at] &= ~bit
        self.tails[at] &= ~bit
        match mark:
            case Mark.ARROW:
                self.arrows[at] |= bit
            case Mark.CIRCLE:
                self.circles[at] |= bit
            case Mark.TAIL:
                self.tails[at] |= bit

    def join(self, a: int, b: int, mark_a: Mark, mark_b: Mark) -> None:
        self.adjacent[a] |= 1 << b
        self.adjacent[b] |= 1 << a
        self.set_mark(a, b, mark_a)
        self.set_mark(b, a, mark_b)

    def remove(self, a: int, b: int) -> None:
        for at, other in ((a, b), (b, a)):
            keep = ~(1 << other)
            self.adjacent[at] &= keep
            self.arrows[at] &= keep
            self.circles[at] &= keep
            self.tails[at] &= keep

    def edges(self) -> tuple[Edge, ...]:
        """All edges, in the order of their nodes."""
        edges = []
        for a in range(self.size):
            for b in bits(self.adjacent[a] >> (a + 1) << (a + 1)):
                mark_a, mark_b = self.mark(a, b), self.mark(b, a)
                assert mark_a is not None and mark_b is not None
                edges.append(Edge(a, b, mark_a, mark_b))
        return tuple(edges)

    def marks(self) -> Int8[np.ndarray, "at other"]:
        """The mark at each node on the edge from each other: 0 none, 1 circle, 2 arrowhead, 3 tail."""
        table = np.zeros((self.size, self.size), np.int8)
        for value, masks in ((1, self.circles), (2, self.arrows), (3, self.tails)):
            for at, mask in enumerate(masks):
                table[at, list(bits(mask))] = value
        return table

    def forget_marks(self, ordered: bool) -> None:
        """Keep the edges and drop what is known of them: o-o, or with `ordered` nodes (no node causes one of a lower
        number) o-> from the lower to the higher."""
        for node in range(self.size):
            earlier = (1 << node) - 1 if ordered else 0
            self.arrows[node] = self.adjacent[node] & earlier
            self.circles[node] = self.adjacent[node] & ~earlier
            self.tails[node] = 0

    # Kin

    def parents(self, node: int) -> int:
        """The mask of nodes p with p --> node."""
        return self.arrows[node] & _those_with(self.tails, 1 << node)

    def possible_parents(self, node: int) -> int:
        """The mask of neighbours p that may cause `node`: no arrowhead at p, no tail at `node`."""
        return self.adjacent[node] & ~self.tails[node] & ~_those_with(self.arrows, 1 << node)

    def possible_ancestors(self) -> list[int]:
        """For each node the mask of those from which a possibly directed path leads to it."""
        reach = [self.possible_parents(node) for node in range(self.size)]
        for middle in range(self.size):
            through, bit = reach[middle], 1 << middle
            for node in range(self.size):
                if reach[node] & bit:
                    reach[node] |= through
        return reach

    def violations(self) -> tuple[str, ...]:
        """What makes this graph none that could be true, in sentences.

        A directed cycle, or an arrowhead at an ancestor (a <-> b where a also causes b). Tests on finite samples can
        contradict each other and then lead to such a graph; those on exact correlations cannot.
        """
        ancestors = [self.parents(node) for node in range(self.size)]
        for middle in range(self.size):
            for node in range(self.size):
                if ancestors[node] >> middle & 1:
                    ancestors[node] |= ancestors[middle]
        contradictions = [f"{node} causes itself" for node in range(self.size) if ancestors[node] >> node & 1]
        for node in range(self.size):
            for descendant in bits(self.arrows[node]):
                if ancestors[descendant] >> node & 1:
                    contradictions.append(
                        f"an arrowhead says that {node} does not cause {descendant}, and a path that it does"
                    )
        return tuple(contradictions)
