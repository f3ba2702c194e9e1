"""The same algorithms written down literally: sets and loops, one inverse for each test, nothing shared or batched.

Slow on purpose. What `core/causal` computes must come out the same here, down to the number of tests;
`benchmarks/causal.py` times the two beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import combinations, pairwise

import numpy as np

NONE, CIRCLE, ARROW, TAIL = 0, 1, 2, 3


class Graph:
    """`mark[at][other]` is what stands at `at` on the edge from `other`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.mark = [[CIRCLE if a != b else NONE for b in range(size)] for a in range(size)]

    def near(self, a: int) -> list[int]:
        return [b for b in range(self.size) if self.mark[a][b]]

    def joined(self, a: int, b: int) -> bool:
        return self.mark[a][b] != NONE

    def cut(self, a: int, b: int) -> None:
        self.mark[a][b] = self.mark[b][a] = NONE

    def with_mark(self, at: int, mark: int) -> list[int]:
        return [b for b in range(self.size) if self.mark[at][b] == mark]

    def is_parent(self, a: int, b: int) -> bool:
        return self.mark[b][a] == ARROW and self.mark[a][b] == TAIL

    def may_be_parent(self, a: int, b: int) -> bool:
        return self.joined(a, b) and self.mark[b][a] != TAIL and self.mark[a][b] != ARROW

    def may_be_ancestor(self, a: int, b: int) -> bool:
        seen, front = {a}, [a]
        while front:
            node = front.pop()
            for after in range(self.size):
                if after not in seen and self.may_be_parent(node, after):
                    if after == b:
                        return True
                    seen.add(after)
                    front.append(after)
        return False


class Test:
    """Fisher's z by the inverse of one submatrix, with a count of tests by size."""

    __test__ = False

    def __init__(self, correlation: np.ndarray, sample_size: int, alpha: float) -> None:
        self.correlation, self.sample_size, self.alpha = correlation, sample_size, alpha
        self.counts: list[int] = []

    def independent(self, a: int, b: int, given: Iterable[int]) -> bool:
        given = tuple(given)
        while len(self.counts) <= len(given):
            self.counts.append(0)
        self.counts[len(given)] += 1
        r = abs(inverse_partial_correlation(self.correlation, a, b, given))
        z = math.sqrt(self.sample_size - len(given) - 3) * 0.5 * math.log((1 + r) / (1 - r))
        return math.erfc(z / math.sqrt(2)) > self.alpha


def inverse_partial_correlation(correlation: np.ndarray, a: int, b: int, given: tuple[int, ...]) -> float:
    chosen = [a, b, *given]
    precision = np.linalg.inv(correlation[np.ix_(chosen, chosen)])
    return float(-precision[0, 1] / math.sqrt(precision[0, 0] * precision[1, 1]))


class Tree:
    """A PDS-tree as nested nodes."""

    def __init__(self, node: int, depth: int) -> None:
        self.node, self.depth = node, depth
        self.children: list[Tree] = []

    def nodes(self) -> set[int]:
        return {child.node for child in self.children}.union(*(child.nodes() for child in self.children))

    def distance(self, node: int) -> float:
        return min(
            [child.depth for child in self.children if child.node == node]
            + [child.distance(node) for child in self.children],
            default=math.inf,
        )

    def reaches(self, node: int, through: set[int]) -> bool:
        return any(
            child.node == node or (child.node in through and child.reaches(node, through)) for child in self.children
        )

    def subsets(self, size: int) -> list[tuple[set[int], float]]:
        nodes = sorted(self.nodes())
        distance = {node: self.distance(node) for node in nodes}
        gathered = []
        for chosen in combinations(nodes, size):
            if all(self.reaches(node, set(chosen)) for node in chosen):
                gathered.append((set(chosen), sum(distance[node] for node in chosen)))
        return sorted(gathered, key=lambda pair: pair[1])


def tree_of(graph: Graph, root: int, depth: int, among: Iterable[int]) -> Tree:
    inside = set(among)
    edges = {frozenset(pair) for pair in combinations(sorted(inside), 2) if graph.joined(*pair)}
    top = Tree(root, 0)
    queue = []
    for node in sorted(inside):
        if frozenset((root, node)) in edges:
            child = Tree(node, 1)
            top.children.append(child)
            queue.append((root, child))
    edges = {edge for edge in edges if root not in edge}
    while queue:
        before, tree = queue.pop(0)
        if tree.depth >= depth:
            continue
        for after in sorted(inside):
            edge = frozenset((tree.node, after))
            if edge not in edges or after == before:
                continue
            collider = graph.mark[tree.node][before] == ARROW and graph.mark[tree.node][after] == ARROW
            if graph.joined(before, after) or collider:
                edges.remove(edge)
                child = Tree(after, tree.depth + 1)
                tree.children.append(child)
                queue.append((tree.node, child))
    return top


Apart = dict[frozenset[int], set[int]]


def reset(graph: Graph, ordered: bool) -> None:
    for a, b in combinations(range(graph.size), 2):
        if graph.joined(a, b):
            graph.mark[a][b] = CIRCLE
            graph.mark[b][a] = ARROW if ordered else CIRCLE


def orient(graph: Graph, apart: Apart, ordered: bool, bias: bool, tails: bool) -> None:
    everyone = range(graph.size)
    reset(graph, ordered)
    for z in everyone:
        for x, y in combinations(graph.near(z), 2):
            if not graph.joined(x, y) and z not in apart.get(frozenset((x, y)), set()):
                graph.mark[z][x] = graph.mark[z][y] = ARROW
    repeat([rule1, rule2, rule3, lambda g: rule4(g, apart)], graph)
    if bias:
        repeat([rule5, rule6, rule7], graph)
    if tails:
        repeat([rule8, rule9, rule10], graph)


def repeat(rules: list[Callable[[Graph], bool]], graph: Graph) -> None:
    changed = True
    while changed:
        changed = False
        for rule in rules:
            changed = rule(graph) or changed


def rule1(g: Graph) -> bool:
    changed = False
    for b in range(g.size):
        arrows, circles = g.with_mark(b, ARROW), g.with_mark(b, CIRCLE)
        for a in arrows:
            for c in circles:
                if not g.joined(a, c):
                    g.mark[b][c], g.mark[c][b] = TAIL, ARROW
                    changed = True
    return changed


def rule2(g: Graph) -> bool:
    changed = False
    for b in range(g.size):
        for c in g.with_mark(b, TAIL):
            if g.mark[c][b] == ARROW:
                for a in g.with_mark(b, ARROW):
                    if g.mark[c][a] == CIRCLE:
                        g.mark[c][a] = ARROW
                        changed = True
    for c in range(g.size):
        for b in g.with_mark(c, ARROW):
            for a in range(g.size):
                if g.is_parent(a, b) and g.mark[c][a] == CIRCLE:
                    g.mark[c][a] = ARROW
                    changed = True
    return changed


def rule3(g: Graph) -> bool:
    changed = False
    for b in range(g.size):
        for d in g.with_mark(b, CIRCLE):
            both = [a for a in range(g.size) if g.mark[b][a] == ARROW and g.mark[d][a] == CIRCLE]
            if any(not g.joined(a, c) for a, c in combinations(both, 2)):
                g.mark[b][d] = ARROW
                changed = True
    return changed


def discriminating(g: Graph, a: int, b: int, c: int, free: set[int]) -> int | None:
    onward = []
    for d in sorted(set(g.with_mark(a, ARROW)) & free):
        if not g.joined(d, c):
            return d
        if g.is_parent(d, c) and g.mark[d][a] == ARROW:
            onward.append(d)
    for d in onward:
        paths = discriminating(g, d, b, c, free - {d})
        if paths is not None:
            return paths
    return None


def rule4(g: Graph, apart: Apart) -> bool:
    changed = False
    for b in range(g.size):
        for c in g.with_mark(b, CIRCLE):
            for a in [a for a in range(g.size) if g.is_parent(a, c)]:
                if g.mark[a][b] != ARROW:
                    continue
                d = discriminating(g, a, b, c, set(range(g.size)) - {a, b, c})
                if d is None:
                    continue
                changed = True
                if b in apart.get(frozenset((d, c)), set()):
                    g.mark[c][b], g.mark[b][c] = ARROW, TAIL
                else:
                    g.mark[a][b] = g.mark[b][a] = g.mark[c][b] = g.mark[b][c] = ARROW
    return changed


def uncovered_paths(g: Graph, path: list[int], last: int, step: Callable[[int, int], bool]) -> Iterable[list[int]]:
    """All uncovered paths that begin with `path` and end with `last`."""
    if path[-1] == last:
        yield path
        return
    for after in sorted(range(g.size), key=lambda node: (node != last, node)):
        fits = after not in path and g.joined(path[-1], after) and step(path[-1], after)
        if fits and (len(path) < 2 or not g.joined(path[-2], after)):
            yield from uncovered_paths(g, [*path, after], last, step)


def both_circles(g: Graph) -> Callable[[int, int], bool]:
    return lambda a, b: g.mark[a][b] == CIRCLE and g.mark[b][a] == CIRCLE


def rule5(g: Graph) -> bool:
    changed, circle = False, both_circles(g)
    for a, b in [(a, b) for a in range(g.size) for b in range(g.size) if circle(a, b)]:
        firsts = [x for x in range(g.size) if x not in (a, b) and circle(a, x) and not g.joined(x, b)]
        lasts = [y for y in range(g.size) if y not in (a, b) and circle(b, y) and not g.joined(y, a)]
        for x in firsts:
            for y in lasts:
                for path in uncovered_paths(g, [a, x], y, circle):
                    if b in path or g.joined(path[-2], b):
                        continue
                    changed = True
                    whole = [*path, b, a]
                    for u, v in pairwise(whole):
                        g.mark[u][v] = g.mark[v][u] = TAIL
                    break
    return changed


def rule6(g: Graph) -> bool:
    changed = False
    for b in range(g.size):
        if any(g.mark[a][b] == TAIL for a in g.with_mark(b, TAIL)):
            for c in g.with_mark(b, CIRCLE):
                g.mark[b][c] = TAIL
                changed = True
    return changed


def rule7(g: Graph) -> bool:
    changed = False
    for b in range(g.size):
        lines = [a for a in g.with_mark(b, CIRCLE) if g.mark[a][b] == TAIL]
        for c in g.with_mark(b, CIRCLE):
            if any(a != c and not g.joined(a, c) for a in lines):
                g.mark[b][c] = TAIL
                changed = True
    return changed


def half_open(g: Graph) -> list[tuple[int, int]]:
    return [(a, c) for c in range(g.size) for a in range(g.size) if g.mark[c][a] == ARROW and g.mark[a][c] == CIRCLE]


def rule8(g: Graph) -> bool:
    changed = False
    for a, c in half_open(g):
        if any(g.mark[a][b] == TAIL and g.mark[b][a] in (ARROW, CIRCLE) and g.is_parent(b, c) for b in g.near(a)):
            g.mark[a][c] = TAIL
            changed = True
    return changed


def rule9(g: Graph) -> bool:
    changed = False
    for a, c in half_open(g):
        if any(len(path) > 3 and not g.joined(path[1], c) for path in uncovered_paths(g, [a], c, g.may_be_parent)):
            g.mark[a][c] = TAIL
            changed = True
    return changed


def rule10(g: Graph) -> bool:
    changed = False
    for a, c in half_open(g):
        parents = [b for b in range(g.size) if g.is_parent(b, c)]
        firsts = {
            b: {path[1] for path in uncovered_paths(g, [a], b, g.may_be_parent) if c not in path} for b in parents
        }
        if any(
            e != f and not g.joined(e, f) for b, d in combinations(parents, 2) for e in firsts[b] for f in firsts[d]
        ):
            g.mark[a][c] = TAIL
            changed = True
    return changed


def ordered_icd(test: Test, largest: int | None = None) -> tuple[Graph, Apart]:
    size = len(test.correlation)
    g, apart = Graph(size), Apart()
    done = {(a, b): False for a, b in combinations(range(size), 2)}
    for a, b in sorted(done, key=lambda pair: pair[::-1]):
        if test.independent(a, b, ()):
            g.cut(a, b)
            done[a, b] = True
    orient(g, apart, True, False, False)
    for b in range(2, size):
        for a in range(b):
            if not g.joined(a, b):
                continue
            for given in [node for node in g.near(b) if node < b and node != a]:
                if test.independent(a, b, (given,)):
                    g.cut(a, b)
                    apart[frozenset((a, b))] = {given}
                    done[a, b] = True
                    break
    orient(g, apart, True, False, False)
    for r in range(2, (size - 2 if largest is None else largest) + 1):
        finished = True
        for b in range(r + 1, size):
            if all(done[a, b] for a in range(b)):
                continue
            subsets = tree_of(g, b, r, range(b + 1)).subsets(r)
            for a in range(b):
                if done[a, b]:
                    continue
                done[a, b] = True
                if not g.joined(a, b):
                    continue
                for chosen, _ in subsets:
                    if a in chosen or not all(g.may_be_ancestor(z, a) or g.may_be_ancestor(z, b) for z in chosen):
                        continue
                    if test.independent(a, b, sorted(chosen)):
                        g.cut(a, b)
                        apart[frozenset((a, b))] = chosen
                        done[a, b] = True
                        break
                    done[a, b] = finished = False
        if finished:
            break
        orient(g, apart, True, False, False)
    orient(g, apart, True, False, True)
    return g, apart


def icd(test: Test, bias: bool = True) -> tuple[Graph, Apart]:
    size = len(test.correlation)
    g, apart = Graph(size), Apart()
    pairs = list(combinations(range(size), 2))
    for a, b in pairs:
        if test.independent(a, b, ()):
            g.cut(a, b)
            apart[frozenset((a, b))] = set()
    orient(g, apart, False, False, False)
    for a, b in pairs:
        if not g.joined(a, b):
            continue
        around = [node for node in g.near(a) if node != b]
        around += [node for node in g.near(b) if node != a and node not in around]
        for given in around:
            if test.independent(a, b, (given,)):
                g.cut(a, b)
                apart[frozenset((a, b))] = {given}
                break
    orient(g, apart, False, bias, True)
    r, done = 2, False
    while not done:
        done = True
        for a, b in pairs:
            if not g.joined(a, b):
                continue
            separators = tree_of(g, a, r, range(size)).subsets(r) + tree_of(g, b, r, range(size)).subsets(r)
            seen: list[set[int]] = []
            for chosen, _ in sorted(separators, key=lambda pair: pair[1]):
                if a in chosen or b in chosen or chosen in seen:
                    continue
                if not all(g.may_be_ancestor(z, a) or g.may_be_ancestor(z, b) for z in chosen):
                    continue
                done = False
                seen.append(chosen)
                if test.independent(a, b, sorted(chosen)):
                    g.cut(a, b)
                    apart[frozenset((a, b))] = chosen
                    break
        if not done:
            orient(g, apart, False, False, False)
        r += 1
    orient(g, apart, False, bias, True)
    return g, apart
