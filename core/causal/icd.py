"""Iterative causal discovery (ICD): a PAG from conditional independences, with and without a known order.

Round r tests every remaining edge given sets of r nodes that could separate its ends, namely legal subsets of a
PDS-tree of radius r whose nodes may be ancestors of one of them; then the graph is oriented anew, which leaves fewer
sets to the next round (Rohekar, Nisimov, Gurwicz & Novik 2021, algorithm 1). What is known after a round holds at any
time: the search may stop there and say up to which size it has tested.

With an order (tokens are written one after another, so a later one cannot cause an earlier) only nodes up to the
later end of an edge come into a set, the tree is the later end's alone, and edges start as o->. That an earlier token
*is* the cause is not assumed: the circle stays until a rule puts a tail, so latent confounders remain <->.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from core.causal.independence import FisherZ, first_order, partial_correlations
from core.causal.orientation import orient
from core.causal.pag import Pag, bits
from core.causal.pds import PdsTree, Subsets, TooManySubsets, pds_tree
from core.vlm.cancel import CancelToken

FIRST_BLOCK, LARGEST_BLOCK = 128, 2048
"""Sets factorised at once: few at first, for most edges fall early; then as many as stay in the cache."""

Stop = Literal["nothing left", "size", "time", "samples", "subsets"]
_WHY: Mapping[Stop, str] = {
    "nothing left": "and no larger set can separate anything",
    "size": "as was asked for",
    "time": "then the time was up",
    "samples": "and the sample size allows no larger ones",
    "subsets": "for there are too many larger ones",
}


@dataclass(frozen=True, eq=False)
class Learned:
    """A graph and how it was come by.

    `separators` hold for each pair (lower, higher) without an edge the nodes that made it independent. `tests` counts
    the tests by size of the conditioning set. Sets up to `reached` nodes were all tested; `stop` says why not larger.
    """

    graph: Pag
    separators: Mapping[tuple[int, int], tuple[int, ...]]
    tests: tuple[int, ...]
    reached: int
    stop: Stop
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether the search came to its own end."""
        return self.stop == "nothing left"

    @property
    def sentence(self) -> str:
        """How far the graph can be relied on, for the screen."""
        return f"Conditioning sets up to size {self.reached} were tested, {_WHY[self.stop]}."


@dataclass(frozen=True)
class Limits:
    """When a search ends before its own end: at a size of sets, after some seconds, or when it is cancelled.

    A search that runs out of time goes back to the end of its last whole round, so that a slower machine finds less,
    and never something else.
    """

    largest_set: int | None = None
    seconds: float | None = None
    cancel: CancelToken | None = None
    progress: Callable[[str], None] = field(default=lambda sentence: None)


class _OutOfTime(Exception):
    pass


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


class _Search(ABC):
    """What both searches share: the rounds, the clock and the books."""

    def __init__(self, correlation: Float[np.ndarray, "node node"], test: FisherZ, limits: Limits) -> None:
        self.correlation = np.asarray(correlation, np.float64)
        self.test = test
        self.limits = limits
        self.graph = Pag.complete(len(self.correlation))
        self.separators: dict[tuple[int, int], int] = {}
        self.tests: list[int] = []
        self.began = time.perf_counter()

    def learn(self) -> Learned:
        largest = max(self.graph.size - 2, 0)
        asked = largest if self.limits.largest_set is None else min(largest, self.limits.largest_set)
        bound = min(asked, self.test.largest_set)
        stop: Stop = "nothing left" if bound == largest else "size" if bound == asked else "samples"
        reached = 0
        for size in range(bound + 1):
            kept = self.graph.copy(), dict(self.separators), list(self.tests)
            self.tests.append(0)
            try:
                self.look_up()
                self.limits.progress(f"Testing conditioning sets of size {size}")
                done = self.round(size)
            except (_OutOfTime, TooManySubsets) as halt:
                self.graph, self.separators, self.tests = kept
                stop = "time" if isinstance(halt, _OutOfTime) else "subsets"
                break
            if self.tests[-1] or size < 2:
                reached = size
                self.orient(size)
            else:
                self.tests.pop()
            if done and size > 1:
                stop = "nothing left"
                break
        self.finish()
        return Learned(
            graph=self.graph,
            separators={pair: tuple(bits(mask)) for pair, mask in sorted(self._all_separators().items())},
            tests=tuple(self.tests),
            reached=reached,
            stop=stop,
            seconds=time.perf_counter() - self.began,
        )

    def _all_separators(self) -> dict[tuple[int, int], int]:
        apart = {(a, b): 0 for a, b in combinations(range(self.graph.size), 2) if not self.graph.connected(a, b)}
        return {**apart, **self.separators}

    def look_up(self) -> None:
        """Raises Cancelled, or that the time is up."""
        if self.limits.cancel is not None:
            self.limits.cancel.check()
        if self.limits.seconds is not None and time.perf_counter() - self.began > self.limits.seconds:
            raise _OutOfTime

    def round(self, size: int) -> bool:
        """Test every edge given sets of this size; returns whether no edge is left that has any."""
        if size == 0:
            return self.marginal()
        return self.singles() if size == 1 else self.larger(size)

    def marginal(self) -> bool:
        critical = self.test.critical(0)
        for a, b in combinations(range(self.graph.size), 2):
            self.tests[0] += 1
            if abs(self.correlation[a, b]) < critical:
                self.graph.remove(a, b)
        return False

    def singles(self) -> bool:
        """Pairs given one node: all such correlations at once, then a walk through them in order."""
        hits = np.abs(first_order(self.correlation)) < self.test.critical(1)
        padded = np.zeros((*hits.shape[:2], 64), bool)
        padded[:, :, : hits.shape[2]] = hits
        masks = np.packbits(padded, axis=2, bitorder="little").view("<u8")[:, :, 0].tolist()
        for a, b in self.pairs():
            if not self.graph.connected(a, b):
                continue
            for candidates in self.single_candidates(a, b):
                separating = candidates & masks[a][b]
                if not separating:
                    self.tests[1] += candidates.bit_count()
                    continue
                lowest = separating & -separating
                self.tests[1] += (candidates & (lowest | (lowest - 1))).bit_count()
                self.separate(a, b, lowest)
                break
        return False

    def separate(self, a: int, b: int, mask: int) -> None:
        self.graph.remove(a, b)
        self.separators[(a, b) if a < b else (b, a)] = mask

    @abstractmethod
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of nodes in the order in which round 1 tests them."""

    @abstractmethod
    def single_candidates(self, a: int, b: int) -> tuple[int, ...]:
        """Round 1's candidates to separate a pair, as sets of nodes that are tried one set after the other."""

    @abstractmethod
    def larger(self, size: int) -> bool:
        """Test every edge given sets of `size` nodes, two or more; returns whether no edge is left that has any."""

    @abstractmethod
    def orient(self, size: int) -> None:
        """Orient the graph anew after the round of `size`."""

    @abstractmethod
    def finish(self) -> None:
        """Orient the graph for the last time, with every rule."""


class _Ordered(_Search):
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
        scan = _Scan(self, node, subsets)
        legal = {start: scan.legal(start, ancestors[start] | ancestors[node]) for start in live}
        first = scan.first_hits(legal)
        done = True
        for start in live:
            if self._settle(scan, node, start, first[start], ancestors):
                continue
            self.settled[node] &= ~(1 << start)
            done = False
        return done

    def _settle(self, scan: _Scan, node: int, start: int, hit: int, ancestors: list[int]) -> bool:
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


class _Scan:
    """One node's conditioning sets of one size, tested against several others."""

    def __init__(self, search: _Search, node: int, subsets: Subsets) -> None:
        self.search = search
        self.node = node
        self.subsets = subsets
        size = subsets.nodes.shape[1]
        self.critical = search.test.critical(size)

    def legal(self, other: int, ancestors: int) -> Bool[np.ndarray, "subset"]:
        """Which sets hold possible ancestors of the pair alone, and neither of the two."""
        outside = ~ancestors & (2**64 - 1) | 1 << other | 1 << self.node
        return self.subsets.masks & np.uint64(outside) == 0

    def hits(self, others: list[int], rows: slice) -> Bool[np.ndarray, "subset other"]:
        """Which of the sets make the node independent of which others."""
        self.search.look_up()
        found = partial_correlations(self.search.correlation, self.node, np.array(others), self.subsets.nodes[rows])
        return np.abs(found) < self.critical

    def first_hits(self, legal: dict[int, Bool[np.ndarray, "subset"]]) -> dict[int, int]:
        """For each other node the number of its first legal set that makes the two independent (or of sets)."""
        count = len(self.subsets)
        first = dict.fromkeys(legal, count)
        pending = [other for other, allowed in legal.items() if allowed.any()]
        start, block = 0, FIRST_BLOCK
        while start < count and pending:
            rows = slice(start, min(start + block, count))
            hits = self.hits(pending, rows)
            for column, other in enumerate(list(pending)):
                both = hits[:, column] & legal[other][rows]
                if both.any():
                    first[other] = start + int(both.argmax())
                    pending.remove(other)
            start, block = rows.stop, min(block * 4, LARGEST_BLOCK)
        return first

    def next_hit(self, other: int, start: int, legal: Bool[np.ndarray, "subset"]) -> int:
        """The number of the first legal set from `start` on that makes the two independent (or of sets)."""
        later = legal.copy()
        later[:start] = False
        return self.first_hits({other: later})[other]


class _Unordered(_Search):
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
            scan = _Scan(self, a, Subsets(nodes, masks, np.zeros(len(nodes), np.int16)))
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
        order = np.argsort(np.concatenate([found.distances for found in around]), kind="stable")
        nodes = np.concatenate([found.nodes for found in around])[order]
        masks = np.concatenate([found.masks for found in around])[order]
        _, first = np.unique(masks, return_index=True)
        first.sort()
        return nodes[first], masks[first]
