"""How much longer a tokenizer may make a text, told from its description alone.

Normalisers and decoders may replace a letter by many, one after the other: six steps of a thousand letters each make
10^18 letters of one, and the process ends that computes them. No text has to be tried to see that.
"""

from __future__ import annotations

import base64
import binascii
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
        elif one.get("type") == "Precompiled":
            times *= _longest_of(one.get("precompiled_charsmap"))
    return times


def _longest_of(charsmap: Any) -> float:
    """Letters of the longest text in a map of SentencePiece, each of which may stand for one letter: a trie, whose
    length comes first, and the texts, each with a zero at its end."""
    try:
        content = base64.b64decode(charsmap)
    except (TypeError, ValueError, binascii.Error):
        return 1.0
    texts = content[4 + int.from_bytes(content[:4], "little") :]
    return float(max(1, *(len(text.decode("utf-8", "replace")) for text in texts.split(b"\0"))))


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
