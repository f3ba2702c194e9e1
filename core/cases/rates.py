"""Rates over results, each with an interval: how far it would move had other cases been drawn.

A share has Wilson's interval, which stays honest at none and at all of few, where a bootstrap has no width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from ..statistics import proportion
from ..statistics.estimate import Estimate
from .results import Result


@dataclass(frozen=True)
class Rate:
    """A share of 1. `group` is the part of the set it is about ("" for all); `meaning` says what is counted. NaN where
    nothing can be."""

    name: str
    estimate: Estimate
    meaning: str
    group: str = ""


def share(name: str, hits: Iterable[bool], meaning: str, group: str = "") -> Rate:
    """The share of units that are so."""
    return Rate(name, proportion.share(hits), meaning, group)


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
