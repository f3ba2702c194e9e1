"""What does a layer of causal graphs cost? Batched tests against one inverse for each, in one run.

Attention of 32 heads over 640 keys, 50 nodes each, as softmax rows of random queries in groups: one graph a head by
ordered ICD, at the published setting and at the method's notebook's. Beside it the literal algorithm of the tests,
which inverts one matrix for each independence test, on a few of the same heads: same graphs, and the ratio of processor
times. Below that, the cost of one test alone. Targets: 3 s for the layer, 0.1 s for an ordinary graph.
Run: `python -m benchmarks.causal`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import combinations, islice

import numpy as np

from core.causal.correlation import regularised, row_correlation
from core.causal.icd import learn_ordered
from core.causal.independence import FisherZ, partial_correlations
from core.causal.search import Learned, Limits
from tests.causal import literal


def rows(head: int, nodes: int, keys: int) -> np.ndarray:
    """The attention of one head: node rows over all keys, causal."""
    chance = np.random.default_rng(head)
    directions, centres = chance.normal(size=(keys, 16)), chance.normal(size=(8, 16))
    queries = centres[chance.integers(0, 8, nodes)] + 0.6 * chance.normal(size=(nodes, 16))
    scores = chance.uniform(0.3, 1.1) * queries @ directions.T
    positions = np.sort(chance.choice(np.arange(keys // 10, keys), nodes, replace=False))
    scores[np.arange(keys)[None] > positions[:, None]] = -np.inf
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True))


def seconds(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    work()
    return time.process_time() - began


def layer(correlations: list[np.ndarray], test: FisherZ) -> tuple[list[float], list[Learned]]:
    """Each head's seconds and graph."""
    times: list[float] = []
    graphs: list[Learned] = []
    for correlation in correlations:
        times.append(seconds(lambda c=correlation: graphs.append(learn_ordered(c, test, Limits(seconds=60)))))
    return times, graphs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--keys", type=int, default=640)
    parser.add_argument("--literal", type=int, default=2, help="heads on which the literal algorithm runs too")
    options = parser.parse_args()

    attention = [rows(head, options.nodes, options.keys) for head in range(options.heads)]
    correlations: list[np.ndarray] = []
    taken = seconds(lambda: correlations.extend(regularised(row_correlation(head))[0] for head in attention))
    print(f"{options.heads} heads, {options.nodes} nodes, {options.keys} keys; processor time")
    print(f"correlations                  {taken:8.2f} s")
    for sample_size, alpha in ((128, 1e-5), (768, 1e-2)):
        times, graphs = layer(correlations, FisherZ(sample_size, alpha))
        tests = sum(sum(graph.tests) for graph in graphs)
        edges = statistics.median(len(graph.graph.edges()) for graph in graphs)
        print(f"sample {sample_size}, alpha {alpha:g}: {edges:g} edges, sets up to {max(g.reached for g in graphs)}")
        print(f"  all heads                   {sum(times):8.2f} s, {tests} tests")
        print(f"  a graph, median and longest {1000 * statistics.median(times):8.1f} ms {1000 * max(times):8.1f} ms")
        ours = theirs = 0.0
        same = True
        for correlation, taken, graph in islice(zip(correlations, times, graphs, strict=True), options.literal):
            located: list[literal.Graph] = []
            test = literal.Test(correlation, sample_size, alpha)
            theirs += seconds(lambda t=test, f=located: f.append(literal.ordered_icd(t)[0]))
            ours += taken
            same &= bool(np.array_equal(located[0].mark, graph.graph.marks()))
        if ours:
            print(f"  literal, {options.literal} heads            {theirs:8.2f} s, {theirs / ours:.0f} x; same: {same}")
    correlation = correlations[0]
    others = np.arange(options.nodes - 1)
    for size in (1, 2, 3, 4):
        chosen = list(islice(combinations(range(options.nodes - 1), size), 3000))
        sets = np.array(chosen, np.intp)
        batched = seconds(lambda s=sets: partial_correlations(correlation, options.nodes - 1, others, s))
        few = chosen[: 100 if size > 1 else len(chosen)]
        pairs = [(b, given) for given in few for b in range(options.nodes - 1) if b not in given][:2000]
        single = seconds(
            lambda p=pairs: [literal.inverse_partial_correlation(correlation, options.nodes - 1, b, g) for b, g in p]
        )
        each, alone = 1e6 * batched / (len(sets) * len(others)), 1e6 * single / len(pairs)
        print(
            f"one test given {size}: {each:7.3f} µs batched, {alone:7.1f} µs by its own inverse, {alone / each:.0f} x"
        )


if __name__ == "__main__":
    main()
