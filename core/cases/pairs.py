"""Which methods of a league can be told apart: paired over cases, and corrected for how many pairs were looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from ..evidence.registry import map_metrics
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from .journal import Record
from .scored_lines import scored_lines

LEVEL = 0.05
FEWEST = 6
"""Cases of a pair below which not even all signs alike would pass `LEVEL` (2 * 0.5 ** 6 = 0.03)."""


@dataclass(frozen=True)
class Pair:
    """By how much `better` is the better of two methods in a metric (`difference`, turned so that it is not below 0),
    over the cases that both explained; `p` is that of Wilcoxon's signed-rank test (Wilcoxon 1945), `corrected` the same
    after Benjamini and Yekutieli (2001) for all pairs and metrics of the league."""

    metric: str
    better: str
    worse: str
    difference: Estimate
    p: float
    corrected: float

    @property
    def told(self) -> bool:
        """Whether the two can be told apart."""
        return self.corrected < LEVEL


Figures = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By method, case and metric."""


def pairs(figures: Figures, metrics: Sequence[str]) -> tuple[Pair, ...]:
    """Every pair of methods in each metric; pairs of fewer than `FEWEST` common cases are left out."""
    drawn = []
    for (metric, one, other), (differences, p, corrected) in _tests(figures, metrics).items():
        ahead = bool(differences.mean() >= 0)
        known = mean(differences if ahead else -differences, map_metrics()[metric].unit)
        drawn.append(Pair(metric, *((one, other) if ahead else (other, one)), known, p, corrected))
    return tuple(drawn)


def alike(figures: Figures, metrics: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """By method, those that can be told from it in none of some metrics: too few cases tell nothing apart."""
    apart = {
        frozenset((one, other))
        for (_, one, other), (_, _, corrected) in _tests(figures, metrics).items()
        if corrected < LEVEL
    }
    return {
        one: tuple(other for other in figures if other != one and frozenset((one, other)) not in apart)
        for one in figures
    }


def _tests(
    figures: Figures, metrics: Sequence[str]
) -> dict[tuple[str, str, str], tuple[Float[np.ndarray, "case"], float, float]]:
    """By metric and pair: by how much the first is better in each common case, and the p of no difference, by itself
    and corrected for all of them."""
    from scipy.stats import false_discovery_control

    paired = {
        (metric, one, other): differences
        for metric in metrics
        for one, other in combinations(figures, 2)
        if len(differences := _differences(figures[one], figures[other], metric)) >= FEWEST
    }
    each = {key: _p(differences) for key, differences in paired.items()}
    corrected = false_discovery_control(list(each.values()), method="by") if each else []
    return {key: (paired[key], p, float(after)) for (key, p), after in zip(each.items(), corrected, strict=True)}


def figures_of(records: Sequence[Record], metrics: Sequence[str]) -> Figures:
    """The figures in the lines of a league's journal, controls apart; the last line of a case and method counts. Raises
    ValueError for a line that is none."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for case, lines in scored_lines(records).items():
        for method, line in lines.items():
            values = {key: line.figures.get(key, {}).get("value") for key in metrics}
            figures.setdefault(method, {})[case] = {
                key: np.nan if value is None else value for key, value in values.items()
            }
    return figures


def _differences(
    one: Mapping[str, Mapping[str, float]], other: Mapping[str, Mapping[str, float]], metric: str
) -> Float[np.ndarray, "case"]:
    """By how much the first is better, case by case."""
    sign = 1 if map_metrics()[metric].better == "higher" else -1
    values = np.array(
        [sign * (one[case].get(metric, np.nan) - other[case].get(metric, np.nan)) for case in one if case in other],
        dtype=np.float64,
    )
    return values[np.isfinite(values)]


def _p(differences: Float[np.ndarray, "case"]) -> float:
    from scipy.stats import wilcoxon

    if not differences.any():
        return 1.0
    return float(wilcoxon(differences, zero_method="pratt").pvalue)
