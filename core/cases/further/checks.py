"""Whether each method's map follows a thing that is moved, and whether it is about the word."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...statistics.estimate import Estimate
from ..checks.figures import Checks, MethodChecks
from ..checks.kept import read_checks
from .base import Column, Further, FurtherColumns


class CheckColumns(FurtherColumns):
    """A thing is drawn at nine places, pictures are moved by a patch, and other words are explained: whether maps
    follow."""

    key = "checks"
    name = "Checks"

    def read(self) -> Further:
        kept = read_checks()
        return Further(self.name, (kept.found.model,), _columns(kept.found), _told(kept.found), kept.command)


def _columns(found: Checks) -> tuple[Column, ...]:
    return (
        Column(
            "checks_follows",
            "Checks: the peak follows the thing",
            "How often the centre of the highest patch lies on a thing that is drawn at nine places, the answer "
            "unchanged.",
            "higher",
            _figures(found, lambda row: row.follows),
        ),
        Column(
            "checks_bias",
            "Checks: position bias",
            "When the picture moves by a patch: the map's rank correlation with the former one at the old place less "
            "that along with the things. Above 0 it keeps to the place.",
            "lower",
            _figures(found, lambda row: row.bias),
            "+.2f",
        ),
        Column(
            "checks_other",
            "Checks: map of another word",
            "Rank correlation of the map with that of another word of the same answer. Near 1 it is not about the "
            "word.",
            "lower",
            _figures(found, lambda row: row.other),
        ),
    )


def _figures(found: Checks, of: Callable[[MethodChecks], Estimate]) -> Mapping[str, Estimate]:
    return {row.method: of(row) for row in found.ranking if row.cases}


def _told(found: Checks) -> str:
    things = max((row.peaks for row in found.ranking), default=0) // 9
    return (
        f"{found.used:,} of {found.asked:,} cases were answered rightly; {things} things were drawn at nine places "
        "each. What noise that nobody sees changes, and how metrics fall as maps are made worse, is in the "
        "documentation."
    )
