"""Words of a question that are one of a pair of opposites."""

from __future__ import annotations

import re

from .words import values_in, words


def pair_words(asked: str) -> list[tuple[int, int, str]]:
    """Where the last word stands that is one of a pair of opposites, and its opposite; nothing where alternatives are
    asked for, or the word is a comparative ("larger"), whose opposite would be another form."""
    if re.search(r"\bor\b", asked):
        return []
    said = words(asked)
    pairs = [
        (said[index].start, said[index].stop, other)
        for index, dimension, value in values_in(said)
        if (other := dimension.opposite(value)) and dimension.name != "depth"
        if not said[index].plain.endswith(("er", "est"))
    ]
    return pairs[-1:]
