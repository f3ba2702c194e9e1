"""How much longer a tokenizer may make a text, told from its description alone.

Normalisers and decoders may replace a letter by many, one after the other: six steps of a thousand letters each make
10^18 letters of one, and the process ends that computes them. No text has to be tried to see that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST = 100.0
"""Times the letters of a text: a space of three bytes for one is the most that real tokenizers do."""


def growth(step: Any) -> float:
    """Times the letters of a text that a normaliser or decoder, of tokenizer.json, can make of it at most. Unicode's
    own forms, which make a few letters of one, are left out. For what has another form than it should: 1."""
    times = 1.0
    for one in _single(step):
        if one.get("type") == "Replace" and isinstance(one.get("content"), str):
            pattern = one.get("pattern")
            written = pattern.get("String") if isinstance(pattern, dict) else None
            # A regular expression may match a single letter, or between any two.
            made = len(one["content"])
            times *= max(1.0, made / len(written)) if isinstance(written, str) and written else 1.0 + made
    return times


def _single(step: Any) -> Iterator[dict[str, Any]]:
    """The steps of a sequence of steps, which may hold sequences."""
    pending = [step]
    while pending:
        one = pending.pop()
        if not isinstance(one, dict):
            continue
        more = one.get("normalizers") or one.get("decoders")
        if isinstance(more, list):
            pending.extend(more)
        else:
            yield one
