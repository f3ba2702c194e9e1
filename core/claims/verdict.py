"""What "reproduces" means: one vocabulary and one set of conditions for every claim.

A rule is a list of conditions, all of which must hold, and each is decided here: a figure must lie above its control by
more than their intervals leave open. So the same figures get the same verdict wherever they are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from ..statistics.estimate import Estimate

Verdict = Literal["reproduces", "does not reproduce", "undecided"]
NOT_MEASURED = "not measured yet"
LEAST = 10
"""Scenes that decide anything: of a handful, not even all on one side are rare, and the bootstrap of one has no
width."""
SIGNIFICANT = 0.05
MEANING = (
    "A claim reproduces where every condition of its rule holds. It does not where one fails; undecided is what hangs "
    f"on intervals that leave it open, or on fewer than {LEAST} scenes."
)
"""The same of every rule, for the screen."""
_WEAKEST_FIRST: tuple[Verdict, ...] = ("does not reproduce", "undecided", "reproduces")


def holds(condition: bool) -> Verdict:
    """A condition that no interval leaves open."""
    return "reproduces" if condition else "does not reproduce"


def exceeds(figure: Estimate, control: Estimate) -> Verdict:
    """Whether a figure lies above its control, intervals and all; undecided where it only is the larger one, and of
    fewer than `LEAST` scenes."""
    if min(figure.count, control.count) < LEAST:
        return "undecided"
    if figure.above(control):
        return "reproduces"
    return "undecided" if figure.value > control.value else "does not reproduce"


def positive(difference: Estimate) -> Verdict:
    """Whether a paired difference lies above zero, interval and all; undecided where only its mean does, and of fewer
    than `LEAST` scenes."""
    if difference.count < LEAST:
        return "undecided"
    if difference.low > 0:
        return "reproduces"
    return "undecided" if difference.value > 0 else "does not reproduce"


def beyond_chance(probability: float, figure: float, expected: float) -> Verdict:
    """Whether chance gives a figure, or a larger one, in fewer than 5 of 100 draws; undecided where it gives it more
    often and the figure is larger than `expected`."""
    if probability < SIGNIFICANT:
        return "reproduces"
    return "undecided" if figure > expected else "does not reproduce"


def weakest(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a rule with several conditions, all of which must hold."""
    return min(verdicts, key=_WEAKEST_FIRST.index)


def told(conditions: Mapping[str, Verdict]) -> str:
    """Which conditions of a rule do not hold and which are left open, as sentences that go on; nothing where all
    hold."""
    sentences = {"does not reproduce": "Not met", "undecided": "Left open"}
    listed = {
        opening: [name for name, verdict in conditions.items() if verdict == of] for of, opening in sentences.items()
    }
    return "".join(f" {opening}: {'; '.join(names)}." for opening, names in listed.items() if names)
