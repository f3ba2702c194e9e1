"""The rules that put marks on a skeleton: R0 to R10 of Zhang (2008), by their numbers there.

Nodes and neighbours are gone through in ascending order, so that a graph whose tests contradict each other is still
always the same graph. R0-R4 put arrowheads and hold whatever was tested so far (they are run after each round); R5-R7
belong to selection bias; R8-R10 complete the tails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

from .pag import Mark, Pag, bits, mask_of

Separators = Mapping[tuple[int, int], int]
"""For each pair (lower, higher) found independent given more than nothing, the mask of what separated it."""


def orient(
    graph: Pag, separators: Separators, *, ordered: bool = False, selection_bias: bool = True, final: bool = True
) -> None:
    """Drop all marks and put on those that the separations warrant.

    `ordered`: no node causes one of a lower number, so edges start as o->. `final` adds R8-R10 and, with
    `selection_bias` and no order, R5-R7 before them (an order leaves no o-o edge for them).
    """
    graph.forget_marks(ordered)
    rules = _Rules(graph, separators)
    rules.colliders()
    rules.repeat(rules.r1, rules.r2, rules.r3, rules.r4)
    if final:
        if selection_bias and not ordered:
            rules.repeat(rules.r5, rules.r6, rules.r7)
        rules.repeat(rules.r8, rules.r9, rules.r10)


Step = tuple[int, int]


class _Rules:
    """The rules over one graph; each returns whether it changed a mark."""

    def __init__(self, graph: Pag, separators: Separators) -> None:
        self.graph = graph
        self.separators = separators
        self._walks: dict[int, set[Step]] = {}

    def repeat(self, *rules: Callable[[], bool]) -> None:
        """Apply the rules in turn until none of them changes anything."""
        while any([rule() for rule in rules]):
            pass

    def separator(self, a: int, b: int) -> int:
        return self.separators.get((a, b) if a < b else (b, a), 0)

    def colliders(self) -> None:
        """R0: x *-> z <-* y where x and y are apart and z did not separate them."""
        graph = self.graph
        # By z and x the mask of the nodes y > x that z helped to separate from x.
        separated: list[dict[int, int]] = [{} for _ in range(graph.size)]
        for (x, y), mask in self.separators.items():
            for z in bits(mask):
                separated[z][x] = separated[z].get(x, 0) | 1 << y
        for z, around in enumerate(graph.adjacent):
            into = 0
            for x in bits(around):
                later = around & ~graph.adjacent[x] & -(2 << x) & ~separated[z].get(x, 0)
                if later:
                    into |= later | 1 << x
            graph.arrows[z] |= into
            graph.circles[z] &= ~into
            graph.tails[z] &= ~into

    def r1(self) -> bool:
        """a *-> b o-* c, a and c apart: b --> c, or b would be a collider."""
        graph, changed = self.graph, False
        for b in range(graph.size):
            for c in bits(graph.circles[b]):
                if graph.arrows[b] & ~graph.adjacent[c]:
                    graph.set_mark(b, c, Mark.TAIL)
                    graph.set_mark(c, b, Mark.ARROW)
                    changed = True
        return changed

    def r2(self) -> bool:
        """a *-> b --> c or a --> b *-> c, and a *-o c: a *-> c, or there would be a cycle."""
        graph, changed = self.graph, False
        for b in range(graph.size):
            for c in bits(graph.tails[b]):
                if graph.arrows[c] >> b & 1:
                    changed |= self._point_at(c, graph.arrows[b] & graph.circles[c])
        parents = [graph.parents(node) for node in range(graph.size)]
        for c in range(graph.size):
            for b in bits(graph.arrows[c]):
                if self._point_at(c, parents[b] & graph.circles[c]):
                    changed = True
                    parents[c] = graph.parents(c)
        return changed

    def _point_at(self, node: int, sources: int) -> bool:
        self.graph.circles[node] &= ~sources
        self.graph.arrows[node] |= sources
        return bool(sources)

    def r3(self) -> bool:
        """a *-> b <-* c, a *-o d o-* c, a and c apart, d *-o b: d *-> b."""
        graph, changed = self.graph, False
        for b in range(graph.size):
            for d in bits(graph.circles[b]):
                both = graph.arrows[b] & graph.circles[d]
                if any(both & ~graph.adjacent[a] & ~(1 << a) for a in bits(both)):
                    graph.set_mark(b, d, Mark.ARROW)
                    changed = True
        return changed

    def r4(self) -> bool:
        """A discriminating path d, ..., a, b, c for b o-* c: b --> c if b separated d from c, else a <-> b <-> c."""
        graph, changed = self.graph, False
        for b in range(graph.size):
            for c in bits(graph.circles[b]):
                for a in bits(graph.parents(c)):
                    if not graph.arrows[a] >> b & 1:
                        continue
                    start = self._discriminating(a, b, c)
                    if start is None:
                        continue
                    changed = True
                    graph.set_mark(c, b, Mark.ARROW)
                    if self.separator(start, c) >> b & 1:
                        graph.set_mark(b, c, Mark.TAIL)
                    else:
                        graph.set_mark(b, c, Mark.ARROW)
                        graph.set_mark(a, b, Mark.ARROW)
                        graph.set_mark(b, a, Mark.ARROW)
        return changed

    def _discriminating(self, a: int, b: int, c: int) -> int | None:
        """The start d of a path d *-> ... <-> a <-* b *-* c, all between d and b colliders and parents of c, where d
        and c are apart."""
        graph = self.graph
        parents = graph.parents(c)
        seen = 1 << a | 1 << b | 1 << c
        stack = [a]
        while stack:
            node = stack.pop()
            into = graph.arrows[node] & ~(1 << a | 1 << b | 1 << c)
            apart = into & ~graph.adjacent[c]
            if apart:
                return next(bits(apart))
            onward = [x for x in bits(into & parents & ~seen) if graph.arrows[x] >> node & 1]
            seen |= mask_of(iter(onward))
            stack.extend(reversed(onward))
        return None

    # Selection bias

    def _circle_edge(self, a: int, b: int) -> bool:
        return bool(self.graph.circles[a] >> b & 1 and self.graph.circles[b] >> a & 1)

    def r5(self) -> bool:
        """a o-o b and an uncovered circle path a, x, ..., y, b with x, b apart and a, y apart: all of them ---."""
        graph, changed = self.graph, False
        pairs = [(a, b) for a in range(graph.size) for b in bits(graph.circles[a]) if self._circle_edge(a, b)]
        for a, b in pairs:
            firsts = [x for x in bits(graph.circles[a] & ~graph.adjacent[b] & ~(1 << b)) if self._circle_edge(a, x)]
            lasts = [y for y in bits(graph.circles[b] & ~graph.adjacent[a] & ~(1 << a)) if self._circle_edge(b, y)]
            for x in firsts:
                for y in lasts:
                    ends = bits(graph.circles[y] & ~graph.adjacent[b] & ~(1 << b))
                    walks = self._leading_on([(u, y) for u in ends if self._circle_edge(u, y)], self._circle_edge)
                    path = self._path(walks, a, x, y, ~(1 << a | 1 << b))
                    if path is None:
                        continue
                    changed = True
                    for u, v in ((a, b), *zip((a, *path), (*path, b), strict=True)):
                        graph.set_mark(u, v, Mark.TAIL)
                        graph.set_mark(v, u, Mark.TAIL)
        return changed

    def r6(self) -> bool:
        """a --- b o-* c: b --* c."""
        graph, changed = self.graph, False
        for b in range(graph.size):
            if graph.circles[b] and any(graph.tails[a] >> b & 1 for a in bits(graph.tails[b])):
                graph.tails[b] |= graph.circles[b]
                graph.circles[b] = 0
                changed = True
        return changed

    def r7(self) -> bool:
        """a --o b o-* c, a and c apart: b --* c."""
        graph, changed = self.graph, False
        for b in range(graph.size):
            lines = mask_of(a for a in bits(graph.circles[b]) if graph.tails[a] >> b & 1)
            for c in bits(graph.circles[b]):
                if lines & ~graph.adjacent[c] & ~(1 << c):
                    graph.set_mark(b, c, Mark.TAIL)
                    changed = True
        return changed

    # Tails. They turn a o-> c into a --> c, which leaves possible parents what they were: walks are found but once.

    def _open_arrows(self) -> Iterator[tuple[int, int]]:
        """All a o-> c."""
        graph = self.graph
        for c in range(graph.size):
            for a in bits(graph.arrows[c]):
                if graph.circles[a] >> c & 1:
                    yield a, c

    def r8(self) -> bool:
        """a --> b --> c or a --o b --> c, and a o-> c: a --> c."""
        graph, changed = self.graph, False
        for a, c in self._open_arrows():
            for b in bits(graph.parents(c)):
                if graph.tails[a] >> b & 1 and not graph.tails[b] >> a & 1:
                    graph.set_mark(a, c, Mark.TAIL)
                    changed = True
                    break
        return changed

    def r9(self) -> bool:
        """a o-> c and an uncovered possibly directed path a, b, ..., d, c with b and c apart: a --> c."""
        graph, changed = self.graph, False
        for a, c in self._open_arrows():
            if self._first_steps(a, c) & ~graph.adjacent[c] & ~(1 << c):
                graph.set_mark(a, c, Mark.TAIL)
                changed = True
        return changed

    def r10(self) -> bool:
        """a o-> c, b --> c <-- d, uncovered possibly directed paths from a to b and from a to d whose first nodes
        differ and are apart: a --> c."""
        graph, changed = self.graph, False
        for a, c in self._open_arrows():
            parents = list(bits(graph.parents(c)))
            firsts = [self._first_steps(a, b, without=c) for b in parents] if len(parents) > 1 else []
            pairs = ((e, second) for first, second in combinations(firsts, 2) for e in bits(first))
            if any(second & ~graph.adjacent[e] & ~(1 << e) for e, second in pairs):
                graph.set_mark(a, c, Mark.TAIL)
                changed = True
        return changed

    def _first_steps(self, start: int, goal: int, without: int | None = None) -> int:
        """The mask of the nodes that come first after `start` on its uncovered possibly directed paths to `goal`
        (the goal itself, where an edge leads there)."""
        if goal not in self._walks:
            ends = [(u, goal) for u in bits(self.graph.possible_parents(goal))]
            self._walks[goal] = self._leading_on(ends, self._may_cause)
        walks, free = self._walks[goal], ~(1 << start)
        if without is not None:
            free &= ~(1 << without)
        firsts = bits(self.graph.adjacent[start] & free)
        return mask_of(
            first
            for first in firsts
            if (start, first) in walks and self._path(walks, start, first, goal, free) is not None
        )

    def _may_cause(self, a: int, b: int) -> bool:
        return not (self.graph.arrows[a] >> b & 1 or self.graph.tails[b] >> a & 1)

    def _leading_on(self, ends: list[Step], allowed: Callable[[int, int], bool]) -> set[Step]:
        """The steps (u, v) from which an uncovered walk (every second node apart) of allowed steps leads to one of
        `ends`. A walk may come back to a node; whether there is a path, `_path` says."""
        graph = self.graph
        steps: set[Step] = set()
        fringe = list(ends)
        while fringe:
            u, v = fringe.pop()
            if (u, v) in steps:
                continue
            steps.add((u, v))
            for before in bits(graph.adjacent[u] & ~graph.adjacent[v] & ~(1 << v)):
                if (before, u) not in steps and allowed(before, u):
                    fringe.append((before, u))
        return steps

    def _path(self, walks: set[Step], start: int, first: int, last: int, free: int) -> list[int] | None:
        """An uncovered path start, first, ..., last through nodes of `free`, without the start; every step but the
        first is one of `walks`. The shortest way on is tried first, then the others in ascending order."""
        graph = self.graph
        path: list[int] = []

        def search(before: int, node: int, free: int) -> bool:
            path.append(node)
            if node == last:
                return True
            free &= ~(1 << node)
            onward = graph.adjacent[node] & ~graph.adjacent[before] & ~(1 << before) & free
            nexts = [last] if onward >> last & 1 else []
            nexts += [after for after in bits(onward) if after != last]
            for after in nexts:
                if (node, after) in walks and search(node, after, free):
                    return True
            path.pop()
            return False

        return path if search(start, first, free) else None
