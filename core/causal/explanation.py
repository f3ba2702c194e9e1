"""What a graph says of one of its nodes: explanation sets around it, and the order in which to test them.

The tokens that could have caused a target are those of its PDS-tree; the set at search distance r holds those at most
r steps away (Rohekar, Gurwicz & Nisimov 2023, algorithm 1). Which part of it suffices is for a test to say: its legal
subsets are tried by size, then by the sum of their distances.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .pag import Pag, mask_of
from .pds import PdsTree, pds_tree

NEARLY_ALL = 0.9
"""A set with this share of all other nodes, or more, singles nothing out."""


@dataclass(frozen=True, eq=False)
class NodeExplanation:
    """The explanation of node `target` in a graph of `others` further nodes."""

    target: int
    others: int
    tree: PdsTree

    def within(self, radius: int) -> tuple[int, ...]:
        """The explanation set at search distance `radius`: the nodes at most so many steps away, in order."""
        return self.tree.within(radius)

    @property
    def radii(self) -> range:
        """The search distances at which the set grows; empty for an isolated target."""
        return range(1, max(self.tree.distance.values(), default=0) + 1)

    @cached_property
    def parents(self) -> dict[int, int]:
        """Each node's parent on its shortest path in the tree (the first found): what is drawn between the arcs."""
        parents: dict[int, int] = {}
        for branch in self.tree.branches:
            parent = self.target if branch.parent is None else self.tree.branches[branch.parent].node
            parents.setdefault(branch.node, parent)
        return parents

    @property
    def isolated(self) -> bool:
        return not self.tree.branches

    def nearly_all(self, radius: int) -> bool:
        """Whether the set holds so many of the other nodes that it singles nothing out."""
        return not self.isolated and self.others > 2 and len(self.within(radius)) >= NEARLY_ALL * self.others

    def candidates(self, radius: int) -> Iterator[tuple[int, ...]]:
        """The legal subsets of the explanation set in the published order: by size, then nearest first.

        Raises TooManySubsets on reaching a size with too many.
        """
        nodes = self.within(radius)
        tree = self.tree.cut(radius)
        allowed = mask_of(iter(nodes))
        for size in range(1, len(nodes) + 1):
            for subset in tree.subsets(size, allowed).nodes:
                yield tuple(int(node) for node in subset)


def explain_node(graph: Pag, target: int) -> NodeExplanation:
    """The explanation of a node, as far as its tree goes."""
    return NodeExplanation(target, graph.size - 1, pds_tree(graph, target))
