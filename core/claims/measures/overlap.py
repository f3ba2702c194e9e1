"""How many of the strongest heads two kinds of questions have in common, and how many they would have by chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from jaxtyping import Float

from ...maps.agreement import agreement
from ...statistics.estimate import Estimate, nothing

DRAWS = 500
Heads = Float[np.ndarray, "layer head"]
ManyHeads = Float[np.ndarray, "question layer head"]


def in_common(first: ManyHeads, second: ManyHeads, top: int) -> Estimate:
    """The share of the `top` heads by mean over questions that both have; the interval by resampling the questions,
    which are paired."""
    rng, count = np.random.default_rng(0), len(first)
    drawn = [rng.integers(0, count, count) for _ in range(DRAWS)]
    shares = [_shared(first[rows], second[rows], top) for rows in drawn]
    low, high = np.quantile(shares, [0.025, 0.975])
    return Estimate(_shared(first, second, top), float(low), float(high), count)


def halves_in_common(questions: ManyHeads, top: int) -> Estimate:
    """The same of two halves of one kind of questions, over random halves: the most that can be expected of two kinds.
    NaN for a single question."""
    rng, count = np.random.default_rng(0), len(questions)
    if count < 2:
        return nothing(count)
    orders = [rng.permutation(count) for _ in range(DRAWS)]
    shares = [_shared(questions[rows[: count // 2]], questions[rows[count // 2 :]], top) for rows in orders]
    low, high = np.quantile(shares, [0.025, 0.975])
    return Estimate(float(np.mean(shares)), float(low), float(high), count)


def by_chance(same: int, top: int, heads: int) -> float:
    """How probable it is that two sets of `top` of `heads`, drawn at random, have `same` or more in common: the upper
    tail of the hypergeometric distribution."""
    ways = sum(comb(top, both) * comb(heads - top, top - both) for both in range(same, top + 1))
    return ways / comb(heads, top)


def by_chance_within_layers(same: int, first: Sequence[int], second: Sequence[int], heads: int) -> tuple[float, float]:
    """How many heads two sets have in common by chance, and how probably `same` or more, where it is given how many of
    each set lie in each layer (of `heads`): what is left to explain when both only prefer the same layers."""
    number = np.ones(1)
    for own, other in zip(first, second, strict=True):
        ways = [comb(own, both) * comb(heads - own, other - both) for both in range(min(own, other) + 1)]
        number = np.convolve(number, np.array(ways) / comb(heads, other))
    expected = sum(own * other / heads for own, other in zip(first, second, strict=True))
    return expected, float(number[same:].sum())


def _shared(first: ManyHeads, second: ManyHeads, top: int) -> float:
    return agreement(first.mean(0).ravel(), second.mean(0).ravel(), top).overlap
