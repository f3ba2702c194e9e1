"""Finds every signal of `signals`: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache

from ..plugins import discovered
from .signal import Signal

BASELINE = "logprob"
"""The signal that all others are held beside: what the model itself thinks of the word."""


@cache
def signals() -> dict[str, Signal]:
    """Every signal by its key, in the order of their names, the baseline first.

    Raises ValueError when two have the same key, or one lacks what it must say of itself.
    """
    found: dict[str, Signal] = discovered(
        f"{__package__}.signals", Signal, ("key", "name", "doubtful", "paper", "caveat")
    )
    return {BASELINE: found[BASELINE], **{key: one for key, one in found.items() if key != BASELINE}}
