"""What searches for a causal graph share: rounds of growing conditioning sets, the clock, the books, and their result.

What is known after a round holds at any time: a search may stop there and say up to which size it has tested. Sets of
one size are tested in blocks against several nodes at once, which costs little more than against one.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from ..vlm.cancel import CancelToken
from .independence import FisherZ, first_order, partial_correlations
from .pag import LARGEST, Pag, bits
from .pds import Subsets, TooManySubsets

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


class _OutOfTime(Exception):
    pass


class Search(ABC):
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
        padded = np.zeros((*hits.shape[:2], LARGEST), bool)
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


class Scan:
    """One node's conditioning sets of one size, tested against several others."""

    def __init__(self, search: Search, node: int, subsets: Subsets) -> None:
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
        partial = partial_correlations(self.search.correlation, self.node, np.array(others), self.subsets.nodes[rows])
        return np.abs(partial) < self.critical

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
