"""How near each method's maps are to what the things of a scene give to the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...statistics.estimate import Estimate
from ..true_effects.figures import Near, TrueEffects
from ..true_effects.kept import read_true_effects
from .base import Column, Further, FurtherColumns


class TrueEffectsColumns(FurtherColumns):
    """Every thing of a drawn scene is taken out by drawing it anew: whether a map's mass on each thing goes with what
    that changes."""

    key = "true_effects"
    name = "True effects"

    def read(self) -> Further:
        kept = read_true_effects()
        return Further(self.name, (kept.found.model,), _columns(kept.found), _told(kept.found), kept.command)


def _columns(found: TrueEffects) -> tuple[Column, ...]:
    return (
        Column(
            "true_effects_rank",
            "True effects: rank",
            "Spearman's correlation of a map's mass per thing with the effect of taking the thing out, both without "
            f"signs; the right order has {found.most_rank['out'].value:.2f}.",
            "higher",
            _figures(found, lambda near: near.rank),
        ),
        Column(
            "true_effects_linear",
            "True effects: linear",
            "Pearson's correlation of the same.",
            "higher",
            _figures(found, lambda near: near.linear),
        ),
        Column(
            "true_effects_found",
            "True effects: most important found",
            "How often the thing of the greatest mass has the greatest effect; by chance "
            f"{found.chance['out'].value:.2f}.",
            "higher",
            _figures(found, lambda near: near.found),
        ),
    )


def _figures(found: TrueEffects, of: Callable[[Near], Estimate]) -> Mapping[str, Estimate]:
    return {row.method: of(row.near["out"]) for row in found.ranking if row.cases}


def _told(found: TrueEffects) -> str:
    return (
        f"{found.used:,} of {found.cases:,} cases could be used: answered rightly, with two things or more. Each thing "
        "is taken out by drawing the scene anew, and the change in the word's log-probability is its true effect. All "
        "figures stand below the league."
    )
