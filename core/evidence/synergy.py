"""What picture and words give to a target together that neither gives alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

HARDLY = 0.05
"""Nats: a smaller synergy is told as none."""


@dataclass(frozen=True)
class Synergy:
    """The target's log-probability (nats; of a contrast log p - log q) with picture and words (`both`), with the
    picture but no words of the question (`picture`), with the words but no picture (`text`), and with neither. NaN for
    what a stopped test did not come to."""

    both: float
    picture: float
    text: float
    neither: float

    @property
    def value(self) -> float:
        """f(both) - f(picture) - f(text) + f(neither), in nats: above 0 where they give more together than the sum of
        what each gives alone, below where each says what the other says too."""
        return self.both - self.picture - self.text + self.neither

    @property
    def of_picture(self) -> float:
        """What the picture gives, in nats: the mean of what it adds to nothing and of what it adds to the words. With
        `of_text` it adds up to f(both) - f(neither)."""
        return ((self.picture - self.neither) + (self.both - self.text)) / 2

    @property
    def of_text(self) -> float:
        """The same of the words."""
        return ((self.text - self.neither) + (self.both - self.picture)) / 2


def in_words(told: Synergy) -> str:
    """What a synergy says, in a sentence."""
    if math.isnan(told.value):
        return "The test was stopped before these four were read."
    if abs(told.value) < HARDLY:
        return "Picture and words give what each gives alone, added up."
    if told.value > 0:
        return "Picture and words together give more than the sum of what each gives alone."
    return "Picture and words give less together than the sum of what each gives alone: each says what the other says."
