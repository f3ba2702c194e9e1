"""Whether an answer claims some words: has them in a clause, and does not deny them there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..comparison.words import AUXILIARIES, COLOR, NEGATIONS, NUMBER, value_of, words

_CLAUSE_END = re.compile(r"[,;:!?\n]|\.(?!\d)|\bbut\b", re.IGNORECASE)
_RATHER = re.compile(r"\b(?:rather than|instead of|as opposed to|other than|unlike|anything but)\b", re.IGNORECASE)
_ONLY = re.compile(r"\b(?:nothing but|not only|not just|not merely)\b", re.IGNORECASE)
_REACH = 3
"""How many words before a phrase a "not" still denies it."""
WRONG = frozenset("wrong incorrect false out".split())
"""What denies that of which it is said: "(a) is wrong", "red is ruled out"."""
_TENS = {
    word: number for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_TIMES = {"dozen": 12, "hundred": 100, "thousand": 1000}
_POINTING = frozenset("the this that each every which any no another other first second third last".split())


def claims(said: str, phrase: Sequence[str]) -> bool:
    """Whether a clause of `said` has the phrase (as `plain` gives it), with no negation of its own: none shortly before
    it, nor "is not" or "is wrong" after it."""
    for clause in clauses(said):
        spoken = plain(clause)
        place = find(spoken, phrase)
        if place is not None and not denied(spoken, place, place + len(phrase)):
            return True
    return False


def clauses(said: str) -> list[str]:
    """The clauses of an answer, "rather than" as "not"."""
    text = _RATHER.sub(", not", _ONLY.sub("", said))
    return [clause for clause in _CLAUSE_END.split(text) if clause.strip()]


def denied(spoken: Sequence[str], start: int, stop: int) -> bool:
    """Whether the words [start, stop) of a clause are denied in it."""
    before, after = set(spoken[max(0, start - _REACH) : start]), spoken[stop : stop + 3]
    if NEGATIONS & before:
        return True
    said_of = bool(after) and after[0] in AUXILIARIES | {"be", "looks", "seems"}
    return said_of and bool(({"not"} | WRONG) & set(after[1:]))


def find(text: Sequence[str], phrase: Sequence[str]) -> int | None:
    """Where `phrase` begins among the words of `text`."""
    length = len(phrase)
    starts = (start for start in range(len(text) - length + 1) if list(text[start : start + length]) == list(phrase))
    return next(starts, None) if length else None


def plain(text: str) -> list[str]:
    """The words of a text; numbers and colours by one spelling, "the red one" with its pronoun as it is."""
    spoken = [word.plain for word in words(text)]
    spelled: list[str] = []
    index = 0
    while index < len(spoken):
        word = spoken[index]
        unit = NUMBER.values.get(spoken[index + 1], "") if index + 1 < len(spoken) else ""
        if word in _TENS:
            joined = unit.isdigit() and 1 <= int(unit) <= 9
            spelled.append(str(10 * _TENS[word] + (int(unit) if joined else 0)))
            index += joined
        elif word in _TIMES and spelled and spelled[-1].isdigit():
            spelled[-1] = str(int(spelled[-1]) * _TIMES[word])
        elif word in _TIMES:
            spelled.append(str(_TIMES[word] // (2 if spelled[-2:] == ["half", "a"] else 1)))
        elif word == "one" and index and (spoken[index - 1] in _POINTING or _is_color(spoken[index - 1])):
            spelled.append(word)
        else:
            spelled.append(_spelling(word))
        index += 1
    return spelled


def _is_color(word: str) -> bool:
    value = value_of(word)
    return value is not None and value[0] is COLOR


def _spelling(word: str) -> str:
    whole, dot, rest = word.partition(".")
    if dot and whole.isdigit() and not rest.strip("0"):
        word = whole
    value = value_of(word)
    return value[1] if value is not None and value[0] in (COLOR, NUMBER) else word
