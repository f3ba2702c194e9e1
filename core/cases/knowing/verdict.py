"""Whether a model knows what it does not say.

The rule was written down before the figures that it is applied to were measured (a prototype on the embedded model and
an earlier twin was known). Where several layers could be told of, the layer is chosen for each half of the pictures by
the other half, and the bar is what the best of `SHUFFLES` shuffled sets of labels reaches in the same way: a search
over layers gains nothing by itself.
"""

from __future__ import annotations

from typing import Literal

from ...counted import counted
from ...probes.probe import SHUFFLES
from ...probes.states import LAST, PLACE_NAMES, THING
from .figures import Knowing, PlaceFigures

LEAST = 40
"""Pictures that decide anything."""
RULE = (
    "A label can be read at a place where the accuracy's 95 % interval lies above the base rate, the accuracy above "
    f"that of all {SHUFFLES} shuffled sets of labels, and the interval of the selectivity above 0. A model knows and "
    "does not say where the label can be read at the thing's image tokens (at all image tokens, where nobody knows the "
    "thing's), and the probe there is right more often than the model's answers to the same cases, interval and all; "
    f"fewer than {LEAST} pictures decide nothing."
)
Verdict = Literal["knows and does not say", "knows and says", "cannot be read", "undecided"]


def readable(found: Knowing, place: PlaceFigures) -> bool:
    """Whether the label can be read at a place, by the rule."""
    above = place.accuracy.low > found.base_rate and place.accuracy.value > place.shuffled
    return above and place.selectivity.low > 0


def seen_at(found: Knowing) -> PlaceFigures | None:
    """Where a model would know of what it sees: the thing's image tokens, or all image tokens; None without either."""
    by_name = {place.place: place for place in found.places}
    return by_name.get(THING) or by_name.get("image")


def at_answer(found: Knowing) -> PlaceFigures | None:
    """Where the answer is predicted."""
    return next((place for place in found.places if place.place == LAST), None)


def verdict(found: Knowing) -> Verdict:
    """What the rule says."""
    seen = seen_at(found)
    if seen is None or found.pictures < LEAST:
        return "undecided"
    if not readable(found, seen):
        return "cannot be read"
    over = seen.over_answers
    if over is None:
        return "undecided"
    if over.low > 0:
        return "knows and does not say"
    return "undecided" if over.value > 0 else "knows and says"


def sentence(found: Knowing) -> str:
    """The verdict with the figures that decided, for a screen."""
    seen, last = seen_at(found), at_answer(found)
    if seen is None or found.pictures < LEAST:
        return f"{counted(found.pictures, 'picture')} decide nothing: {LEAST} are needed."
    told = (
        f"At {_where(seen)} a line reads “{found.label}” rightly in {_share(seen)} of {found.used:,} cases "
        f"(base rate {found.base_rate:.2f})"
    )
    if last is not None:
        told += f", and {PLACE_NAMES[LAST]} in {_share(last)}"
        told += "" if readable(found, last) else ", which is chance"
    if found.right is not None:
        right = found.right
        told += f". The model answers rightly in {right.value:.2f} ({right.low:.2f} to {right.high:.2f})"
    return f"{told}."


def _where(place: PlaceFigures) -> str:
    name = PLACE_NAMES[place.place]
    return f"the {name}" if place.place == THING else name


def _share(place: PlaceFigures) -> str:
    one = place.accuracy
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
