"""Two rankings of heads beside each other: how many of the first ones they share, and how many they would by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from ...maps.agreement import agreement
from ...statistics.estimate import Estimate, computed
from ..claim import HeadTable
from ..figures import Figure
from ..verdict import SIGNIFICANT, Verdict, beyond_chance
from .overlap import Heads, ManyHeads, by_chance, by_chance_within_layers, in_common

TOP = 10


@dataclass(frozen=True)
class Overlap:
    """The `same` of the `top` of `heads` heads that two conditions (`of`) share, and what chance would give: two
    random sets, and random sets with as many heads in each layer, each with how probably it shares as many or more.
    `share` is same / top with its interval over questions, `rank` Spearman's correlation over all heads."""

    of: str
    same: int
    top: int
    heads: int
    share: Estimate
    probability: float
    layered: float
    layered_probability: float
    rank: float

    @property
    def expected(self) -> float:
        """What two random sets share on average."""
        return self.top * self.top / self.heads

    @property
    def beyond_chance(self) -> Verdict:
        """Whether random sets share as many in fewer than 5 of 100 draws."""
        return beyond_chance(self.probability, self.same, self.expected)

    @property
    def told(self) -> str:
        """The same in sentences."""
        layers = "" if self.layered_probability < SIGNIFICANT else ", so the layers alone explain as much"
        return (
            f"Of the top {self.top} of {self.heads} heads {self.same} are the same, {self.expected:.1f} by chance "
            f"(p = {self.probability:.2g}); with as many in each layer it would be {self.layered:.1f} (p = "
            f"{self.layered_probability:.2g}){layers}. The rank correlation of all heads is {self.rank:.2f}."
        )

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All of them, beside what chance would give."""
        shared, chance = f"share of the top {self.top} heads in common", "how probably chance gives as many or more"
        random, layered = f"{self.of}: two random sets", f"{self.of}: random within layers"
        return (
            Figure(shared, self.of, self.share),
            Figure(shared, random, computed(self.expected / self.top, "share"), control=True),
            Figure(shared, layered, computed(self.layered / self.top, "share"), control=True),
            Figure(chance, random, computed(self.probability, "probability")),
            Figure(chance, layered, computed(self.layered_probability, "probability")),
            Figure("rank correlation of all heads", self.of, computed(self.rank, "correlation")),
        )


def overlap(of: str, first: ManyHeads, second: ManyHeads) -> Overlap:
    """Heads ranked by their mean over the same questions in two conditions."""
    one, other = first.mean(0), second.mean(0)
    top = min(TOP, one.size)
    share = in_common(first, second, top)
    same = round(share.value * top)
    layers, others = (_by_layer(table, top).tolist() for table in (one, other))
    layered = by_chance_within_layers(same, layers, others, one.shape[1])
    return Overlap(
        of,
        same,
        top,
        one.size,
        share,
        by_chance(same, top, one.size),
        *layered,
        rank=agreement(one.ravel(), other.ravel()).rank,
    )


def head_table(heads: ManyHeads) -> HeadTable:
    """The mean over questions, as plain values."""
    table: HeadTable = heads.mean(0).tolist()
    return table


def _by_layer(table: Heads, top: int) -> Int[np.ndarray, "layer"]:
    """How many of the top heads each layer has."""
    best = np.argsort(-table.ravel(), kind="stable")[:top]
    return np.bincount(best // table.shape[1], minlength=len(table))
