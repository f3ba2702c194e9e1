"""Whether scores that should add up to what the target gains do: told with every map of such a method."""

from __future__ import annotations

ENOUGH = 0.05
"""The share of the gain that may be missing without a warning: what Sundararajan et al. 2017, section 5, ask for."""

LEAST_GAIN = 0.01
"""Logits. A share of less says nothing."""


def completeness(total: float, gain: float, several: bool = False) -> str:
    """The scores' sum beside the gain of the logit over the baseline (of `several` tokens the mean), in a sentence; and
    what to do where more than `ENOUGH` of it is missing."""
    said = (
        f"the scores add up to {total:.2f}, and the {'mean logit' if several else 'logit'} gains {gain:.2f} over the "
        "baseline"
    )
    if abs(gain) < LEAST_GAIN:
        return f"Over this baseline the picture adds nothing to share out: {said}."
    missing = abs(gain - total) / abs(gain)
    if missing <= ENOUGH:
        return f"Complete but for {missing:.1%}: {said}."
    return (
        f"Not complete: {said}, so {missing:.0%} is not told by this map. More steps close the gap, unless the way "
        "bends too sharply where it begins, as it does next to zero: another baseline does better then."
    )
