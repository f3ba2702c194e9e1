"""Do metrics agree with each other, and with themselves under another fill? Read from a league's own lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...evidence.registry import map_metrics
from ...statistics.bootstrap import mean
from ...statistics.estimate import Estimate
from ...statistics.rank_correlation import rank_correlation, spearman
from ..journal import Record
from ..scored_lines import ScoredLine, scored_lines

VALUE = "value"
FEWEST = 4
"""Methods of a case below which their order says nothing."""


@dataclass(frozen=True)
class Agreement:
    """`metrics` by key and name; `matrix[i][j]` is the mean over cases of the rank correlation of the methods' order by
    metric i with that by metric j (1: the same order, whichever way each metric counts); `fills`, by metric, the same
    of the order under one fill with that under the other, of metrics that hide patches."""

    metrics: Mapping[str, str]
    matrix: tuple[tuple[Estimate, ...], ...]
    fills: Mapping[str, Estimate]
    cases: int
    methods: int


@dataclass(frozen=True)
class Retrained:
    """By metric, how the same methods stand on the same questions in two models: `order` is the rank correlation of
    their mean figures, `first` and `second` the method that is best in each."""

    order: Mapping[str, Estimate]
    first: Mapping[str, str]
    second: Mapping[str, str]
    cases: int
    methods: int


def agreement(records: Sequence[Record], fills: tuple[str, str] = ("black", "blur")) -> Agreement:
    """How far metrics agree in the lines of a league's journal. Controls are left out: they lie so far below that any
    two metrics would agree. Raises ValueError for a line that is none of a league."""
    known = map_metrics()
    cases = [list(lines.values()) for lines in scored_lines(records).values() if len(lines) >= FEWEST]

    def agree(one: tuple[str, str], other: tuple[str, str]) -> Estimate:
        return mean([_correlation(_goods(lines, *one), _goods(lines, *other)) for lines in cases], "correlation")

    hiding = [key for key in known if any(fills[0] in line.figures.get(key, {}) for lines in cases for line in lines)]
    return Agreement(
        metrics={key: metric.name for key, metric in known.items()},
        matrix=tuple(tuple(agree((one, VALUE), (other, VALUE)) for other in known) for one in known),
        fills={key: agree((key, fills[0]), (key, fills[1])) for key in hiding},
        cases=len(cases),
        methods=len({line.method for lines in cases for line in lines}),
    )


def retrained(first: Sequence[Record], second: Sequence[Record]) -> Retrained:
    """How far the methods stand alike in the leagues of two models, over the cases and methods that both have. The
    interval is over methods. Raises ValueError for a line that is none of a league."""
    one, other = scored_lines(first), scored_lines(second)
    cases = [case for case in one if case in other]
    methods = [
        method
        for method in dict.fromkeys(method for case in cases for method in one[case])
        if all(method in league[case] for league in (one, other) for case in cases)
    ]
    order: dict[str, Estimate] = {}
    best: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for key in map_metrics():
        means = [_means(league, cases, methods, key) for league in (one, other)]
        if methods and all(np.isfinite(values).all() for values in means):
            order[key] = rank_correlation(*means)
            for found, values in zip(best, means, strict=True):
                found[key] = methods[int(values.argmax())]
    return Retrained(order, *best, cases=len(cases), methods=len(methods))


def _means(
    league: Mapping[str, Mapping[str, ScoredLine]], cases: Sequence[str], methods: Sequence[str], key: str
) -> Float[np.ndarray, "method"]:
    """Each method's mean over the cases, turned so that more is better; NaN where one has no figure in any case."""
    return np.array([mean(_goods([league[case][method] for case in cases], key, VALUE)).value for method in methods])


def _goods(lines: Sequence[ScoredLine], key: str, part: str) -> Float[np.ndarray, "method"]:
    """Figures turned so that more is better; NaN where there is none."""
    values = [line.figures.get(key, {}).get(part) for line in lines]
    figures = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return figures if map_metrics()[key].better == "higher" else -figures


def _correlation(one: Float[np.ndarray, "method"], other: Float[np.ndarray, "method"]) -> float:
    """Over the methods that have both figures; NaN for fewer than `FEWEST`."""
    both = np.isfinite(one) & np.isfinite(other)
    return float(spearman(one[both], other[both])) if both.sum() >= FEWEST else float("nan")
