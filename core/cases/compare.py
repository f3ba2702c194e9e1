"""Two models, or two checkpoints of one, on the same cases: how far they agree, and where they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import NotComparable
from ..statistics.estimate import Estimate
from ..statistics.proportion import Proportion
from .rates import Rate, share
from .results import Result, Run


@dataclass(frozen=True)
class Comparison:
    """The cases that both runs asked and judged, by who was right. `pairs` are all of them, in the order of the set.

    `same` is the share of answers that say the same, right or wrong; `gain` how much more often the second is right,
    with its paired interval; `p_value` that of McNemar's exact test (1947): how probable so uneven a
    disagreement is where neither model is better. `apart` cases are in one run only, changed in between, or could not
    be asked.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    same: Rate
    gain: Rate
    p_value: float
    apart: int
    pairs: tuple[tuple[Result, Result], ...]

    @property
    def differing(self) -> tuple[tuple[Result, Result], ...]:
        """The cases that one answered right and the other wrong."""
        return tuple(pair for pair in self.pairs if pair[0].right != pair[1].right)


def compare(first: Run, second: Run) -> Comparison:
    """Two runs beside each other. Raises NotComparable where they are of different sets or share no judged case."""
    if first.set_of_cases != second.set_of_cases:
        raise NotComparable(
            f"The first file holds results of {first.set_of_cases} and the second of {second.set_of_cases}. Choose two "
            "runs of one set."
        )
    others = {(result.id, result.key): result for result in second.results}
    pairs = tuple(
        (result, other)
        for result in first.results
        if (other := others.get((result.id, result.key))) is not None
        and result.right is not None
        and other.right is not None
    )
    if not pairs:
        raise NotComparable("The two files have no judged case in common. Run both models on the same cases.")
    judged = [(one.right, other.right) for one, other in pairs]
    both, only_first, only_second, neither = (
        judged.count(kind) for kind in ((True, True), (True, False), (False, True), (False, False))
    )
    alike = [
        one.understood == other.understood if one.understood or other.understood else one.said == other.said
        for one, other in pairs
    ]
    ids = {result.id for run in (first, second) for result in run.results}
    return Comparison(
        both=both,
        only_first=only_first,
        only_second=only_second,
        neither=neither,
        same=share("same answer", alike, "cases to which both say the same"),
        gain=gain(both, only_first, only_second, neither),
        p_value=mcnemar(only_first, only_second),
        apart=len(ids) - len(pairs),
        pairs=pairs,
    )


def gain(both: int, only_first: int, only_second: int, neither: int) -> Rate:
    """How much more often the second is right than the first, of all cases, with the interval of Newcombe 1998
    ("Improved confidence intervals for the difference between binomial proportions based on paired data", method 10).
    It is made of the two Wilson intervals, and has a width also where the two never disagree.
    """
    count = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    one, other = Proportion(first, count).estimate, Proportion(second, count).estimate
    down, up = one.value - one.low, one.high - one.value
    down2, up2 = other.value - other.low, other.high - other.value
    phi = _correlation(both, only_first, only_second, neither)
    value = (only_second - only_first) / count
    below = math.sqrt(down2**2 - 2 * phi * down2 * up + up**2)
    above = math.sqrt(up2**2 - 2 * phi * up2 * down + down**2)
    meaning = "cases that the second has more right than the first, of all"
    return Rate("gain", Estimate(value, value - below, value + above, count), meaning)


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Newcombe's estimate of how far two paired proportions go together: phi, with a continuity correction where it is
    above zero, and 0 where one of them is none or all."""
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if not margins:
        return 0.0
    product = both * neither - only_first * only_second
    count = both + only_first + only_second + neither
    return (max(product - count / 2, 0.0) if product > 0 else float(product)) / math.sqrt(margins)


def mcnemar(one: int, other: int) -> float:
    """The exact two-sided p-value that of `one + other` disagreements, each as likely either way, so few or fewer
    fall to the rarer side."""
    total = one + other
    tail = sum(math.comb(total, k) for k in range(min(one, other) + 1))
    return min(1.0, 2 * tail / 2**total)
