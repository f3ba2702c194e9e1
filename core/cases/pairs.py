"""Which methods of a league can be told apart: paired over cases, and corrected for how many pairs were looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from jaxtyping import Float

from ..evidence.registry import map_metrics
from ..statistics.bootstrap import mean
from ..statistics.estimate import Estimate
from ..typed import typed
from .journal import Record
from .ranking import DECIDING
from .score_case import CENTRE, RANDOM

LEVEL = 0.05
FEWEST = 6
"""Cases of a pair below which not even all signs alike would pass `LEVEL` (2 * 0.5 ** 6 = 0.03)."""


@dataclass(frozen=True)
class _Line:
    case: str
    method: str | None
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


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


def pairs(figures: Mapping[str, Mapping[str, Mapping[str, float]]], metrics: Sequence[str]) -> tuple[Pair, ...]:
    """Every pair of methods in each metric. `figures[method][case][metric]` is a figure; pairs of fewer than `FEWEST`
    common cases are left out."""
    from scipy.stats import false_discovery_control

    drawn = []
    for metric in metrics:
        for one, other in combinations(figures, 2):
            differences = _differences(figures[one], figures[other], metric)
            if len(differences) < FEWEST:
                continue
            ahead = bool(differences.mean() >= 0)
            known = mean(differences if ahead else -differences, map_metrics()[metric].unit)
            better, worse = (one, other) if ahead else (other, one)
            drawn.append((metric, better, worse, known, _p(differences)))
    if not drawn:
        return ()
    corrected = false_discovery_control([p for *_, p in drawn], method="by")
    return tuple(Pair(*row, corrected=float(value)) for row, value in zip(drawn, corrected, strict=True))


def pairs_of(records: Sequence[Record], metrics: Sequence[str] = DECIDING) -> tuple[Pair, ...]:
    """The same of the lines of a league's journal, controls apart. Raises ValueError for a line that is none."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for line in (typed(_Line, record) for record in records):
        if line.method is not None and line.method not in (RANDOM, CENTRE) and line.figures:
            values = {key: line.figures.get(key, {}).get("value") for key in metrics}
            figures.setdefault(line.method, {})[line.case] = {
                key: np.nan if value is None else value for key, value in values.items()
            }
    return pairs(figures, metrics)


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
