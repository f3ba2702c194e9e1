"""Whether a direction turns the answer. The rule was written down before the figures that it is applied to."""

from __future__ import annotations

from typing import Literal

from ...probes.steering import RANDOM
from .figures import BEFORE, Steering

LEAST = 40
RULE = (
    "A direction moves the answer where, under a whole dose each way in the best layer (chosen for each half of the "
    "pictures by the other half), the 95 % interval of the change in log-odds lies above 0 and its mean above that of "
    f"all {RANDOM} random directions of the same length. It turns the answer where moreover the likelier word follows "
    "the push more often than with nothing added, interval and all, and more often than under every random direction; "
    f"fewer than {LEAST} cases decide nothing."
)
Verdict = Literal["turns the answer", "moves the answer and does not turn it", "does not move the answer", "undecided"]


def verdict(found: Steering) -> Verdict:
    """What the rule says."""
    best = found.best
    if found.used < LEAST:
        return "undecided"
    if not (best.change.low > 0 and best.change.value > best.random):
        return "does not move the answer"
    turned = best.follows.low > BEFORE and best.follows.value > best.random_follows
    return "turns the answer" if turned else "moves the answer and does not turn it"


def sentence(found: Steering) -> str:
    """The verdict's figures, for a screen."""
    best = found.best
    return (
        f"A whole dose changes the log-odds by {best.change.value:+.2f} nats ({best.change.low:+.2f} to "
        f"{best.change.high:+.2f}; random directions at most {best.random:+.2f}), and the likelier word follows the "
        f"push in {best.follows.value:.2f} ({best.follows.low:.2f} to {best.follows.high:.2f}; "
        f"{BEFORE:g} with nothing added, random directions at most {best.random_follows:.2f}) of "
        f"{found.used:,} cases."
    )
