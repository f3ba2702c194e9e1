"""Which words of an answer are marked, and why, by a calibration of its model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..answer import Answer
from .calibration import FLAGGED, Calibration
from .combination import parts
from .content import ContentWord, content_words
from .measure import Measured
from .registry import signals


@dataclass(frozen=True)
class Mark:
    """A content word: its `score` (log-odds that it is wrong), whether it is `marked`, the signal that `speaks` for
    that, with its `value` and what nine of ten right words have (`usual`) as texts, and why, as a sentence."""

    word: ContentWord
    score: float
    marked: bool
    speaks: str = ""
    value: str = ""
    usual: str = ""
    reason: str = ""


def marks_of(answer: Answer, measured: Measured, calibration: Calibration) -> tuple[Mark, ...]:
    """The content words of an answer, whose signals were measured in their order; nothing where a signal that the
    calibration needs could not be had (`missing`)."""
    words = content_words(answer)
    if missing(measured, calibration) is not None or any(len(one) != len(words) for one in measured.values.values()):
        return ()
    return tuple(
        _mark(word, {key: measured.values[key][number] for key in calibration.keys}, calibration)
        for number, word in enumerate(words)
    )


def missing(measured: Measured, calibration: Calibration) -> str | None:
    """Why words cannot be marked, as a sentence; None where they can."""
    for key in calibration.keys:
        if key not in measured.values:
            return measured.refused.get(key, f"{signals()[key].name} was not measured. Measure it again.")
    return None


def _mark(word: ContentWord, values: Mapping[str, float], calibration: Calibration) -> Mark:
    score = calibration.score(values)
    added = {key: one for key, one in parts(calibration.weights, dict(values)).items() if not math.isnan(one)}
    beyond = [key for key in added if added[key] > 0 and _doubtful(key, values, calibration)]
    speaks = max(beyond or added, key=lambda key: added[key], default="")
    mark = Mark(word, score, score > calibration.level)
    return replace(mark, **_reason(speaks, values, calibration, bool(beyond))) if speaks else mark


def _doubtful(key: str, values: Mapping[str, float], calibration: Calibration) -> bool:
    """Whether a figure lies beyond what right words have, on the side of doubt."""
    usual = calibration.usual[key]
    return values[key] > usual.high if signals()[key].doubtful == "higher" else values[key] < usual.low


def _reason(key: str, values: Mapping[str, float], calibration: Calibration, beyond: bool) -> dict[str, Any]:
    """Which signal speaks, and its value beside what right words have: of those `beyond` it the one that adds most to
    the score, and where none is, the one that adds most at all."""
    signal, usual = signals()[key], calibration.usual[key]
    number, low, high = (_number(one) for one in (values[key], usual.low, usual.high))
    value, between = f"{number} {signal.unit}".strip(), f"{low} to {high}"
    told = f"{signal.name}: {value}; nine of ten right words have {between}."
    reason = told if beyond else f"{told} No signal is beyond that: it is what they say together."
    return {"speaks": key, "value": value, "usual": between, "reason": reason}


def _number(value: float) -> str:
    """Two digits; what is next to nothing is 0."""
    return "0" if abs(value) < 5e-4 else f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"


def worth(calibration: Calibration) -> str:
    """What a mark is worth, in a sentence."""
    return (
        f"{FLAGGED:.0%} of right words are marked all the same, and {calibration.caught.value:.0%} of wrong ones "
        f"({calibration.caught.low:.0%} to {calibration.caught.high:.0%}; {calibration.wrong:,} were measured): a word "
        "without a mark may be wrong as well."
    )


def marked_tokens(marks: Sequence[Mark]) -> frozenset[int]:
    """The tokens of marked words."""
    return frozenset(token for mark in marks if mark.marked for token in mark.word.tokens)
