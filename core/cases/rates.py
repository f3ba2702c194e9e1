"""Rates over results, each with an interval: how far it would move had other cases been drawn.

A plain share has Wilson's interval, which stays honest at none and at all of few. Any other statistic is a function of
how many cases (or pairs, or pictures) fall into each of a few kinds. Resampling cases with replacement (Efron 1979)
resamples these numbers, as a multinomial draw, so a bootstrap costs the same whatever the number of cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.cases.results import Result
from core.causal.rates import Rate as Proportion

DRAWS = 2000
COVERAGE = 0.95

Statistic = Callable[[Float[np.ndarray, "*draw kind"]], Float[np.ndarray, "*draw"]]


@dataclass(frozen=True)
class Rate:
    """A share of 1: `low` to `high` is its 95 % interval over `count` units. `group` is the part of the set it is about
    ("" for all); `meaning` says what is counted. NaN where nothing can be."""

    name: str
    value: float
    low: float
    high: float
    count: int
    meaning: str
    group: str = ""


def rate(name: str, counts: Sequence[int], statistic: Statistic, meaning: str, group: str = "", seed: int = 0) -> Rate:
    """A statistic of the numbers of units of each kind, with its percentile bootstrap interval."""
    numbers = np.asarray(counts, dtype=float)
    total = int(numbers.sum())
    if not total:
        return Rate(name, float("nan"), float("nan"), float("nan"), 0, meaning, group)
    draws = np.random.default_rng(seed).multinomial(total, numbers / total, DRAWS).astype(float)
    tail = 100 * (1 - COVERAGE) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = statistic(draws)
        value = float(statistic(numbers))
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, [tail, 100 - tail]) if len(known) else (np.nan, np.nan)
    return Rate(name, value, float(low), float(high), total, meaning, group)


def share(name: str, hits: Iterable[bool], meaning: str, group: str = "") -> Rate:
    """The share of units that are so."""
    flags = list(hits)
    found = Proportion(sum(flags), len(flags))
    return Rate(name, found.share, *found.interval, len(flags), meaning, group)


def accuracy(results: Sequence[Result], group: str = "") -> Rate:
    """The share of judged answers that are right; cases that could not be asked are not among them."""
    judged = [bool(result.right) for result in results if result.right is not None]
    return share("accuracy", judged, "answers that are right", group)


def all_right(
    name: str, results: Sequence[Result], key: Callable[[Result], Hashable], meaning: str, size: int | None = None
) -> Rate:
    """The share of groups whose answers are all right. Groups with a case that could not be asked, or of another
    size than `size`, are not counted."""
    groups: dict[Hashable, list[bool | None]] = defaultdict(list)
    for result in results:
        groups[key(result)].append(result.right)
    whole = [group for group in groups.values() if None not in group and size in (None, len(group))]
    return share(name, [all(group) for group in whole], meaning)
