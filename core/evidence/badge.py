"""Evidence in a sentence."""

from __future__ import annotations

import math

from ..answer import SceneFill, Target
from ..counted import counted
from ..masking.fills import FILL_NAMES
from ..quantities import probability
from .ranking import QUOTED
from .result import Evidence
from .verdict import ENOUGH_DRAWS, LEAST_FALL, Standing, Verdict, nats, verdict, verdicts

SHARE = f"its top {100 * QUOTED:g}% of patches"
_ENDS = {
    Standing.HOLDS: "",
    Standing.NO_FALL: ": no evidence for this map",
    Standing.CHANCE: ": no more than chance",
    Standing.MIDDLE: ": no more than the middle of the picture",
    Standing.FEW: f": too few random orders to tell ({ENOUGH_DRAWS} are needed)",
}
"""What follows, after the figures."""


def badge(evidence: Evidence, fill: SceneFill | None = None) -> str:
    """What taking away the map's top 20% of patches does to the target under a fill, the first by default, beside the
    spread of random orders and the middle of the picture, and what follows: "removing its top 20% of patches lowers the
    word's probability from 98.00% to 31.00% (black); 19 random orders leave 93.00% to 97.00%, the middle of the picture
    80.00%". Says so where the picture hardly matters, where the effect is not beyond chance, where another fill says
    otherwise, and what was not reached, where the test was stopped. Raises KeyError for a fill that was not tested.
    """
    shown = verdict(evidence, fill)
    others = [other for other in verdicts(evidence) if other.standing is not shown.standing]
    otherwise = "".join(f". {FILL_NAMES[other.fill].capitalize()} instead: {_in_short(other)}" for other in others)
    return f"{_sentence(shown, evidence.target)}{otherwise}"


def so_far(found: Verdict, target: Target) -> str:
    """What a test that goes on has found of a map, as a sentence: "So far removing its top 20% of patches lowers the
    word's probability from 98.00% to 31.00% (black); 4 random orders leave 93.00% to 97.00%, the middle of the picture
    80.00%". Empty before the map itself was read."""
    if found.standing is Standing.STOPPED:
        return ""
    if found.standing is Standing.HARDLY:
        return f"So far {_sentence(found, target)}."
    return f"So far {_measured(found, target)}{_ENDS[found.standing] if not found.standing.untold else ''}."


def figure(value: float) -> str:
    """A probability for people; "not reached" where it was not measured."""
    return "not reached" if math.isnan(value) else probability(value)


def of_word(target: Target) -> str:
    """What is read of a target, in words: the word's probability, or that of several tokens by their geometric mean."""
    many = len(target.tokens)
    words = "the word's probability" if many == 1 else f"the probability of its {many} tokens (geometric mean)"
    return words if target.rivals is None else f"{words} against its rival"


def random_in_words(evidence: Evidence) -> str:
    """What stands under "random" in a table of figures."""
    exact = "; of figures of place, what a map has that is everywhere the same" if evidence.blind else ""
    return f"the mean of {counted(len(evidence.random), 'order')}{exact}"


def _sentence(found: Verdict, target: Target) -> str:
    word, fill = of_word(target), FILL_NAMES[found.fill]
    if found.standing is Standing.STOPPED:
        return f"the test was stopped before {SHARE} were removed"
    if found.standing is Standing.HARDLY:
        return (
            f"the picture hardly matters for this word, so no map can be tested on it: {word} is {figure(found.full)} "
            f"with the picture, {figure(found.blank)} without it ({fill}), and {figure(found.left)} without the map's "
            f"top {100 * QUOTED:g}% of patches"
        )
    return _measured(found, target) + _ENDS[found.standing]


def _measured(found: Verdict, target: Target) -> str:
    return f"removing {SHARE} {_change(found, of_word(target))} ({FILL_NAMES[found.fill]}); {_controls(found)}"


def _change(found: Verdict, word: str) -> str:
    if abs(nats(found.left) - nats(found.full)) < LEAST_FALL:
        return f"leaves {word} at {figure(found.left)}"
    moves = "lowers" if found.left < found.full else "raises"
    return f"{moves} {word} from {figure(found.full)} to {figure(found.left)}"


def _controls(found: Verdict) -> str:
    """What is left in the controls: the spread of the random orders, and the middle."""
    middle = f"the middle of the picture {figure(found.centre)}"
    if not found.random:
        return f"no random order was read, {middle}"
    low, high = figure(min(found.random)), figure(max(found.random))
    many = "1 random order leaves" if len(found.random) == 1 else f"{len(found.random)} random orders leave"
    return f"{many} {low if low == high else f'{low} to {high}'}, {middle}"


def _in_short(found: Verdict) -> str:
    return "the map holds" if found.standing is Standing.HOLDS else found.standing.value
