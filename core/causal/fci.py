"""causal-learn's FCI on correlations: a second opinion on the same tests.

FCI is given no order: its tier background knowledge writes tails where only o-> is warranted, and so erases latent
confounding. Nor a depth, which makes it slower. Some of its rules are unsound (its R10 asks for no uncovered possibly
directed path), so its marks are shown as its own.
"""

from __future__ import annotations

import time
from typing import Any

import causallearn.search.ConstraintBased.FCI as reference
import numpy as np
from causallearn.utils.cit import NO_SPECIFIED_PARAMETERS_MSG, CIT_Base, register_ci_test
from jaxtyping import Float

from ..errors import CausalError
from .independence import FisherZ, partial_correlation
from .pag import Mark, Pag
from .search import Learned, Limits

_NAME = "fisherz_of_correlation"
_MARKS = {-1: Mark.TAIL, 1: Mark.ARROW, 2: Mark.CIRCLE}

# It prints every visible edge to the console, and redirecting that would redirect other threads' prints too.
vars(reference)["print"] = lambda *words, **how: None


class CorrelationTest(CIT_Base):
    """Fisher's z on a correlation matrix, in the form in which causal-learn asks for it.

    Raises CausalError when the time is up, and Cancelled: FCI knows neither.
    """

    def __init__(
        self, data: Any, correlation: Any = None, test: Any = None, limits: Any = None, record: Any = None, **more: Any
    ) -> None:
        super().__init__(data, **more)
        self.check_cache_method_consistent(_NAME, NO_SPECIFIED_PARAMETERS_MSG)
        self.correlation, self.test, self.limits, self.record = correlation, test, limits, record
        self.began = time.perf_counter()

    def __call__(self, a: int, b: int, condition_set: Any = None) -> float:
        given = tuple(sorted(int(node) for node in condition_set or ()))
        if self.limits.cancel is not None:
            self.limits.cancel.check()
        if self.limits.seconds is not None and time.perf_counter() - self.began > self.limits.seconds:
            raise CausalError(
                f"FCI did not finish in {self.limits.seconds:g} seconds, and has nothing to show before it does. "
                "Choose ordered ICD, a smaller alpha or fewer nodes."
            )
        pair = (int(min(a, b)), int(max(a, b)))
        if len(given) > self.test.largest_set:
            return 0.0
        if (pair, given) not in self.record:
            partial = partial_correlation(self.correlation, *pair, given)
            self.record[pair, given] = self.test.p_value(partial, len(given))
        return float(self.record[pair, given])


register_ci_test(_NAME, CorrelationTest)


def learn_fci(correlation: Float[np.ndarray, "node node"], test: FisherZ, limits: Limits | None = None) -> Learned:
    """The PAG that causal-learn's FCI finds. Raises CausalError when the time is up, and Cancelled."""
    began = time.perf_counter()
    size = len(correlation)
    record: dict[tuple[tuple[int, int], tuple[int, ...]], float] = {}
    # It checks the shape of the data it never looks at.
    general, _ = reference.fci(
        np.zeros((size + 1, size)),
        _NAME,
        test.alpha,
        show_progress=False,
        correlation=np.asarray(correlation, np.float64),
        test=test,
        limits=limits or Limits(),
        record=record,
    )
    graph = from_general(general)
    separators = {
        pair: given for (pair, given), p in reversed(record.items()) if p > test.alpha and not graph.connected(*pair)
    }
    tests = [0] * (1 + max((len(given) for _, given in record), default=0))
    for _, given in record:
        tests[len(given)] += 1
    return Learned(graph, separators, tuple(tests), len(tests) - 1, "nothing left", time.perf_counter() - began)


def from_general(general: Any) -> Pag:
    """A causal-learn graph, whose `graph[a, b]` is the mark at a on the edge from b."""
    graph = Pag(len(general.graph))
    for a in range(graph.size):
        for b in range(a + 1, graph.size):
            if general.graph[a, b]:
                graph.join(a, b, _MARKS[int(general.graph[a, b])], _MARKS[int(general.graph[b, a])])
    return graph
