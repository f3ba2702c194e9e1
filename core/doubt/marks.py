"""Which words of an answer are marked, and why, by a calibration of its model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..answer import Answer
from .calibration import FLAGGED, Calibration
from .combination import parts
from .content import ContentWord, content_words
from .measure import Measured
from .registry import signals


@dataclass(frozen=True)
class Mark:
    """A content word: its `score` (log-odds that it is wrong), whether it is `marked`, the signal that `speaks` most
    for that, and why, as a sentence."""

    word: ContentWord
    score: float
    marked: bool
    speaks: str
    reason: str


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
    speaks = max(added, key=lambda key: added[key]) if added else ""
    marked = score > calibration.level
    return Mark(word, score, marked, speaks, _reason(speaks, values, calibration) if speaks else "")


def _reason(key: str, values: Mapping[str, float], calibration: Calibration) -> str:
    """Which signal speaks, and its value beside what right words have."""
    signal, usual = signals()[key], calibration.usual[key]
    unit = f" {signal.unit}" if signal.unit else ""
    value, low, high = (_number(one) for one in (values[key], usual.low, usual.high))
    return f"{signal.name}: {value}{unit}; nine of ten right words have {low} to {high}."


def _number(value: float) -> str:
    return f"{value + 0.0:.2g}" if abs(value) < 100 else f"{value:,.0f}"


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
