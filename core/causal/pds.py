"""Possible-d-sep trees: what could separate a node from others, and in which order to try it.

A PDS-path from the root is one on which every inner node is a collider or closes a triangle with its neighbours on
the path (Rohekar et al. 2021, "Iterative causal discovery in the possible presence of latent confounders and
selection bias", definition 3). The tree holds those paths breadth first, each edge walked once. It serves twice: the
conditioning sets of a round of ICD are its legal subsets of one size, and the explanation sets of a target
(Rohekar, Gurwicz & Nisimov 2023, "Causal interpretation of self-attention in pre-trained transformers") are its nodes
within a radius.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, combinations
from math import comb

import numpy as np
from jaxtyping import Int, UInt64

from .pag import Pag, bits

MOST_SUBSETS = 2_000_000


class TooManySubsets(ValueError):
    """There are more than `MOST_SUBSETS` subsets of this size."""


@dataclass(frozen=True)
class Branch:
    """A node in the tree: `parent` is the number of the branch it hangs on (None on the root), `path` the mask of
    the nodes between it and the root."""

    node: int
    parent: int | None
    depth: int
    path: int


@dataclass(frozen=True, eq=False)
class Subsets:
    """Subsets of one size: their nodes, the same as bit masks, and the sum of the nodes' distances from the root."""

    nodes: Int[np.ndarray, "subset size"]
    masks: UInt64[np.ndarray, "subset"]
    distances: Int[np.ndarray, "subset"]

    def __len__(self) -> int:
        return len(self.masks)


@dataclass(frozen=True)
class PdsTree:
    """The tree of a root, breadth first. A node occurs as often as PDS-paths lead to it over different edges."""

    root: int
    branches: tuple[Branch, ...]

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """The nodes in the tree, root excluded, in order."""
        return tuple(sorted({branch.node for branch in self.branches}))

    @cached_property
    def distance(self) -> dict[int, int]:
        """The least depth of each node."""
        depths: dict[int, int] = {}
        for branch in self.branches:
            depths.setdefault(branch.node, branch.depth)
        return depths

    @property
    def depth(self) -> int:
        return max((branch.depth for branch in self.branches), default=0)

    def within(self, radius: int) -> tuple[int, ...]:
        """The nodes at most `radius` steps from the root."""
        return tuple(node for node in self.nodes if self.distance[node] <= radius)

    def cut(self, radius: int) -> PdsTree:
        """The tree without what is deeper than `radius`."""
        return PdsTree(self.root, tuple(branch for branch in self.branches if branch.depth <= radius))

    def subsets(self, size: int, allowed: int = -1) -> Subsets:
        """The legal subsets of `size` >= 1 nodes, nearest first (by the sum of distances, then in node order).

        Legal: every node can be reached from the root through nodes of the same subset (ICD-Sep condition 2b).
        `allowed` is a mask of the nodes that may be in one. Raises TooManySubsets.
        """
        paths: dict[int, list[int]] = {}
        for branch in self.branches:
            if allowed >> branch.node & 1 and not branch.path & ~allowed:
                paths.setdefault(branch.node, []).append(branch.path)
        nodes = sorted(paths)
        if comb(len(nodes), size) > MOST_SUBSETS:
            raise TooManySubsets(f"{comb(len(nodes), size)} subsets")
        choice = _combinations(len(nodes), size)
        members = np.array(nodes, np.intp)[choice]
        masks = _masks(members)
        legal = np.ones(len(members), bool)
        for node in nodes:
            if 0 in paths[node]:
                continue
            without = masks & np.uint64(1 << node) == 0
            reached = np.zeros(len(members), bool)
            for path in set(paths[node]):
                reached |= masks & np.uint64(path) == np.uint64(path)
            legal &= without | reached
        distances = np.array([self.distance[node] for node in nodes], np.int16)[choice].sum(1)
        members, masks, distances = members[legal], masks[legal], distances[legal]
        order = np.argsort(distances, kind="stable")
        return Subsets(members[order], masks[order], distances[order])


def pds_tree(graph: Pag, root: int, depth: int | None = None, among: int = -1) -> PdsTree:
    """The PDS-tree of a root, down to `depth` (None: all of it), through the nodes of the mask `among` alone."""
    left = [mask & among for mask in graph.adjacent]
    first = left[root]
    branches = [Branch(node, None, 1, 0) for node in bits(first)]
    before = [root] * len(branches)
    left[root] = 0
    for node in bits(first):
        left[node] &= ~(1 << root)
    done = 0
    while done < len(branches):
        branch, previous = branches[done], before[done]
        node = branch.node
        if depth is None or branch.depth < depth:
            # A triangle with the node before, or a collider.
            open_to = graph.adjacent[previous]
            if graph.arrows[node] >> previous & 1:
                open_to |= graph.arrows[node]
            for after in bits(left[node] & open_to & ~(1 << previous)):
                left[node] &= ~(1 << after)
                left[after] &= ~(1 << node)
                branches.append(Branch(after, done, branch.depth + 1, branch.path | 1 << node))
                before.append(node)
        done += 1
    return PdsTree(root, tuple(branches))


def _masks(members: Int[np.ndarray, "subset size"]) -> UInt64[np.ndarray, "subset"]:
    masks = np.zeros(len(members), np.uint64)
    for column in members.T:
        masks |= np.uint64(1) << column.astype(np.uint64)
    return masks


@lru_cache(maxsize=16)
def _combinations(count: int, size: int) -> Int[np.ndarray, "subset size"]:
    """All choices of `size` out of `count`, in lexicographic order. Shared: not to be written to."""
    rows = comb(count, size)
    flat = chain.from_iterable(combinations(range(count), size))
    table = np.fromiter(flat, np.int8, count=rows * size).reshape(rows, size)
    table.flags.writeable = False
    return table
