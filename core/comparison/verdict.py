"""Do phrasings of one question get one answer? They agree, differ, or contradict each other.

Only English is understood. Of other languages the answers are compared as normalised text, and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from .claims import FACT, Claim, Reading, comparable, is_polar, read
from .words import is_english, normal

_TEXT_ONLY = " Compared as text only: what words mean is known for English alone."


@dataclass(frozen=True)
class Verdict:
    """`contradictions` are (i, j, reason) for pairs of answers, by index. `sentence` says it all on one line."""

    kind: Literal["agree", "differ", "contradict"]
    sentence: str
    contradictions: tuple[tuple[int, int, str], ...] = ()


def judge(questions: Sequence[str], answers: Sequence[str]) -> Verdict:
    """Compare the answers that phrasings of one question got. Raises ValueError for fewer than two, or unequal numbers.

    contradict: two answers cannot both be true of one picture. agree: every two claim the same. differ: the rest,
    such as answers about other things, or of which one says more.
    """
    if len(questions) != len(answers) or len(answers) < 2:
        raise ValueError(f"{len(questions)} questions and {len(answers)} answers: two or more of each are compared")
    silent = [index for index, answer in enumerate(answers) if not answer.strip()]
    if silent:
        return Verdict("differ", f"{_phrasings(silent)} got no answer.")
    texts = [normal(answer) or answer.strip() for answer in answers]
    if not is_english([*questions, *answers]):
        if len(set(texts)) == 1:
            return Verdict("agree", _agreement(answers) + _TEXT_ONLY)
        return Verdict("differ", f"The answers differ.{_TEXT_ONLY}")

    readings = [read(question, answer) for question, answer in zip(questions, answers, strict=True)]
    pairs = list(combinations(range(len(answers)), 2))
    contradictions = tuple((i, j, reason) for i, j in pairs if (reason := _contradiction(readings[i], readings[j])))
    if contradictions:
        first, second, reason = contradictions[0]
        more = ("", " So does one more pair.", f" So do {len(contradictions) - 1} more pairs.")[
            min(len(contradictions) - 1, 2)
        ]
        return Verdict(
            "contradict", f"{_phrasings([first, second])} contradict each other: {reason}.{more}", contradictions
        )
    polar = [is_polar(question) for question in questions]
    if all(_agree(readings[i], readings[j], texts[i] == texts[j], polar[i] and polar[j]) for i, j in pairs):
        return Verdict("agree", _agreement(answers))
    return Verdict("differ", "The answers differ, but none was found to contradict another.")


def _phrasings(indices: Sequence[int]) -> str:
    numbers = [str(index + 1) for index in indices]
    if len(numbers) == 1:
        return f"Phrasing {numbers[0]}"
    return f"Phrasings {', '.join(numbers[:-1])} and {numbers[-1]}"


def _agreement(answers: Sequence[str]) -> str:
    return "Both answers agree." if len(answers) == 2 else f"All {len(answers)} answers agree."


def _contradiction(one: Reading, two: Reading) -> str | None:
    """Why two answers cannot both be true, or None. Questions about different things never contradict."""
    if not comparable(one.subject, two.subject):
        return None
    reasons = [reason for first in one.claims for second in two.claims if (reason := _clash(first, second, one, two))]
    return min(reasons)[1] if reasons else None


def _clash(first: Claim, second: Claim, one: Reading, two: Reading) -> tuple[int, str] | None:
    """How well a clash of two claims explains a contradiction (less is better), and the reason in words."""
    if first.dimension != second.dimension:
        return None
    if first.dimension == FACT:
        if first.about != second.about or first.positive == second.positive:
            return None
        return 1, "one says yes and the other no to the same"
    if not _same_thing(first, second):
        return None
    if first.positive and second.positive:
        if _values(first, one) & _values(second, two):
            return None
        if first.asked and second.asked and one.polarity is not None and one.polarity == two.polarity:
            word = "yes" if one.polarity else "no"
            asked = [claim.said.removeprefix("not ") for claim in (first, second)]
            return 0, f"both say {word}, but one asks “{asked[0]}” and the other “{asked[1]}”"
        return 2, f"one says “{first.said}” and the other “{second.said}”"
    if first.positive != second.positive and first.value == second.value:
        said = first.said if first.positive else second.said
        return 3, f"one says “{said}” and the other denies it"
    return None


def _same_thing(first: Claim, second: Claim) -> bool:
    if any(">" in name for name in first.about | second.about):
        return first.about == second.about
    return comparable(first.about, second.about)


def _values(claim: Claim, reading: Reading) -> frozenset[str]:
    """All values an answer gives the thing ("red and white"): two answers clash where they have none in common."""
    return frozenset(
        other.value
        for other in reading.claims
        if other.dimension == claim.dimension and other.positive and _same_thing(other, claim)
    )


def _agree(one: Reading, two: Reading, same_text: bool, both_polar: bool) -> bool:
    """Whether two answers without a contradiction claim the same: the one no more than the other."""
    if not comparable(one.subject, two.subject):
        return False
    first, second = (
        {(c.dimension, c.value) for c in r.claims if c.positive and c.dimension != FACT} for r in (one, two)
    )
    if first and second:
        return first == second or ((first < second or second < first) and None not in (one.polarity, two.polarity))
    facts = [{(c.about, c.positive) for c in r.claims if c.dimension == FACT} for r in (one, two)]
    if both_polar:
        return bool(facts[0] & facts[1])
    return same_text or bool(facts[0] & facts[1] and not first ^ second)
