"""Iterative causal discovery (ICD): a PAG from conditional independences, with and without a known order.

Round r tests every remaining edge given sets of r nodes that could separate its ends, namely legal subsets of a
PDS-tree of radius r whose nodes may be ancestors of one of them; then the graph is oriented anew, which leaves fewer
sets to the next round (Rohekar, Nisimov, Gurwicz & Novik 2021, algorithm 1). `search.py` has the rounds.

With an order (tokens are written one after another, so a later one cannot cause an earlier) only nodes up to the
later end of an edge come into a set, the tree is the later end's alone, and edges start as o->. That an earlier token
*is* the cause is not assumed: the circle stays until a rule puts a tail, so latent confounders remain <->.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from .independence import FisherZ
from .orientation import orient
from .pag import bits
from .pds import PdsTree, Subsets, pds_tree
from .search import Learned, Limits, Scan, Search


def learn_ordered(correlation: Float[np.ndarray, "node node"], test: FisherZ, limits: Limits | None = None) -> Learned:
    """The PAG of nodes whose numbers are their order in time, by ordered ICD.

    Raises Cancelled.
    """
    return _Ordered(correlation, test, limits or Limits()).learn()


def learn_unordered(
    correlation: Float[np.ndarray, "node node"],
    test: FisherZ,
    limits: Limits | None = None,
    *,
    selection_bias: bool = True,
) -> Learned:
    """The PAG of nodes of which no order is known, by ICD. Raises Cancelled."""
    return _Unordered(correlation, test, limits or Limits(), selection_bias).learn()


class _Ordered(Search):
    """Edge by edge into each node in turn, from the nodes before it."""

    def __init__(self, correlation: Float[np.ndarray, "node node"], test: FisherZ, limits: Limits) -> None:
        super().__init__(correlation, test, limits)
        # Edges that no set of an earlier round could be found for: they stay.
        self.settled = [0] * self.graph.size

    def pairs(self) -> list[tuple[int, int]]:
        return [(a, b) for b in range(2, self.graph.size) for a in range(b)]

    def single_candidates(self, a: int, b: int) -> tuple[int, ...]:
        return (self.graph.adjacent[b] & ((1 << b) - 1) & ~(1 << a),)

    def orient(self, size: int) -> None:
        orient(self.graph, self.separators, ordered=True, final=False)

    def finish(self) -> None:
        orient(self.graph, self.separators, ordered=True)

    def larger(self, size: int) -> bool:
        ancestors: list[int] = []
        done = True
        for node in range(self.graph.size):
            ancestors.append(self._ancestors(node, ancestors))
            if node > size:
                done &= self._edges_into(node, size, ancestors)
                ancestors[node] = self._ancestors(node, ancestors)
        return done

    def _ancestors(self, node: int, known: list[int]) -> int:
        """Possible ancestors of a node; in an ordered graph those of its possible parents are known before it."""
        parents = self.graph.possible_parents(node)
        mask = parents
        for parent in bits(parents):
            mask |= known[parent]
        return mask

    def _edges_into(self, node: int, size: int, ancestors: list[int]) -> bool:
        """Test the edges from earlier nodes into one; returns whether none is left that a set could be found for.

        Meant is: one earlier node after the other, each given set after set. Edges share their sets, though, so all
        are tested given a block of sets at once, each until its first hit; and since taking away an edge only makes
        sets illegal, a hit that has become illegal meanwhile is looked for further on.
        """
        self.look_up()
        earlier = (1 << node) - 1
        live = list(bits(self.graph.adjacent[node] & earlier & ~self.settled[node]))
        self.settled[node] = earlier
        if not live:
            return True
        tree = pds_tree(self.graph, node, size, among=earlier | 1 << node)
        could = ancestors[node]
        for start in live:
            could |= ancestors[start]
        subsets = tree.subsets(size, could)
        scan = Scan(self, node, subsets)
        legal = {start: scan.legal(start, ancestors[start] | ancestors[node]) for start in live}
        first = scan.first_hits(legal)
        done = True
        for start in live:
            if self._settle(scan, node, start, first[start], ancestors):
                continue
            self.settled[node] &= ~(1 << start)
            done = False
        return done

    def _settle(self, scan: Scan, node: int, start: int, hit: int, ancestors: list[int]) -> bool:
        """Take the edge away, or find that it stays; returns whether there is no more to test on it."""
        legal = scan.legal(start, ancestors[start] | ancestors[node])
        while hit < len(legal) and not legal[hit]:
            hit = scan.next_hit(start, hit + 1, legal)
        tested = int(legal[: hit + 1].sum())
        self.tests[-1] += tested
        if hit < len(legal):
            self.separate(start, node, int(scan.subsets.masks[hit]))
            ancestors[node] = self._ancestors(node, ancestors)
        return hit < len(legal) or not tested


class _Unordered(Search):
    """Pair after pair, given sets around either end."""

    def __init__(
        self, correlation: Float[np.ndarray, "node node"], test: FisherZ, limits: Limits, selection_bias: bool
    ) -> None:
        super().__init__(correlation, test, limits)
        self.selection_bias = selection_bias
        self._trees: dict[int, PdsTree] = {}
        self._ancestors: list[int] = []

    def pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(self.graph.size), 2))

    def single_candidates(self, a: int, b: int) -> tuple[int, ...]:
        around_a = self.graph.adjacent[a] & ~(1 << b)
        return around_a, self.graph.adjacent[b] & ~(1 << a) & ~around_a

    def orient(self, size: int) -> None:
        orient(self.graph, self.separators, selection_bias=self.selection_bias, final=size == 1)

    def finish(self) -> None:
        orient(self.graph, self.separators, selection_bias=self.selection_bias)

    def larger(self, size: int) -> bool:
        done = True
        self._changed()
        for a, b in self.pairs():
            if not self.graph.connected(a, b):
                continue
            self.look_up()
            nodes, masks = self._sets(a, b, size)
            if not len(nodes):
                continue
            done = False
            scan = Scan(self, a, Subsets(nodes, masks, np.zeros(len(nodes), np.int16)))
            hit = scan.first_hits({b: np.ones(len(nodes), bool)})[b]
            self.tests[-1] += min(hit + 1, len(nodes))
            if hit < len(nodes):
                self.separate(a, b, int(masks[hit]))
                self._changed()
        return done

    def _changed(self) -> None:
        self._trees.clear()
        self._ancestors = self.graph.possible_ancestors()

    def _tree(self, root: int, size: int) -> PdsTree:
        if root not in self._trees:
            self._trees[root] = pds_tree(self.graph, root, size)
        return self._trees[root]

    def _sets(self, a: int, b: int, size: int) -> tuple[Int[np.ndarray, "subset size"], Int[np.ndarray, "subset"]]:
        """The sets around a, then those around b, the nearest first and each once."""
        allowed = (self._ancestors[a] | self._ancestors[b]) & ~(1 << a | 1 << b)
        around = [self._tree(root, size).subsets(size, allowed) for root in (a, b)]
        order = np.argsort(np.concatenate([one.distances for one in around]), kind="stable")
        nodes = np.concatenate([one.nodes for one in around])[order]
        masks = np.concatenate([one.masks for one in around])[order]
        _, first = np.unique(masks, return_index=True)
        first.sort()
        return nodes[first], masks[first]
