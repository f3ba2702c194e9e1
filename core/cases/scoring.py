"""Is an answer right? What it says is brought into the form that the expected answers have, and looked up there.

Nothing here asks another model. An answer that cannot be understood is "", and wrong: how many there were stands
beside every figure, so that nobody takes a rule's limits for the model's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..comparison.claims import is_polar
from ..comparison.verdict import judge
from ..comparison.words import COLOR, NEGATIONS, NO, NUMBER, YES, value_of, words
from .case import Case

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_AMONG_BRACKETS = re.compile(r"\(\s*([a-z])\s*\)", re.IGNORECASE)
_ALONE = re.compile(
    r"\W*(?:(?:the\s+)?(?:(?:correct|right|best)\s+)?(?:answer|option|choice)(?:\s+is)?\W*)?([a-z])(?=\W*$|\s*[.):,])",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[.,;:!?\n]|\bbut\b", re.IGNORECASE)
_UNSURE = re.compile(
    r"(?:\bnot|n't)\s+(?:\w+\s+)?(?:certain|sure|know)\b|\b(?:uncertain|unsure)\b"
    r"|\b(?:cannot|can't|can not|couldn't|could not|unable to|not able to|not possible to|impossible to)"
    r"\s+(?:\w+\s+)?(?:tell|say|know|determine|answer|see (?:an?|any|the) (?:image|picture|photo|figure|chart))\b"
    r"|\b(?:not |un)clear (?:whether|if|from)\b|\bnot enough (?:information|context)\b",
    re.IGNORECASE,
)
_REACH = 3
"""How many words before a phrase a "not" still denies it."""


def understood(case: Case, said: str) -> str:
    """What `said` says: "yes" or "no", the letter of an option, or for free text its words; "" where nothing."""
    match case.scoring:
        case "yes_no":
            return yes_or_no(case.question, said)
        case "yes_unless_no":
            return yes_unless_no(said)
        case "choice":
            return option_letter(said, case.options)
        case _:
            return " ".join(_plain(said))


def is_right(case: Case, said: str) -> bool:
    """Whether `said` gives one of the expected answers.

    exact: the same words in the same order, whatever their capitals and punctuation. contains: an expected answer is
    among the words of one clause and not denied there ("not red"); an answer that lists everything is right by this
    measure. Number words are their numbers, and spellings of one colour are one colour.
    """
    if case.scoring == "contains":
        return any(_claims(said, _plain(expected)) for expected in case.expected)
    if case.scoring == "exact":
        return understood(case, said) in {" ".join(_plain(expected)) for expected in case.expected}
    return understood(case, said) in case.expected


def yes_or_no(question: str, said: str) -> str:
    """ "yes" or "no" by the answer's first sentence; a statement ("The door is open.") by what it says to the
    question; "" where it is neither, or says that it cannot be told."""
    first = _first_sentence(said)
    if first[:1] and first[0] in YES | NO:
        return "yes" if first[0] in YES else "no"
    if said.strip() and is_polar(question):
        clashes = {word: judge([question] * 2, [said, word]).kind == "contradict" for word in ("yes", "no")}
        if clashes["yes"] != clashes["no"]:
            return "no" if clashes["yes"] else "yes"
    if _UNSURE.search(said.strip().split(".", 1)[0]):
        return ""
    if {"no", "not"} & set(first):
        return "no"
    return "yes" if YES & set(first) else ""


def yes_unless_no(said: str) -> str:
    """The rule of POPE's published evaluation (Li et al. 2023, `evaluate.py`): "no" where "no" or "not" is a word of
    the first sentence, else "yes". Contractions ("isn't") and capitals count here, which they do not there; an empty
    answer is ""."""
    if not said.strip():
        return ""
    return "no" if {"no", "not"} & set(_first_sentence(said)) else "yes"


def option_letter(said: str, options: Sequence[str]) -> str:
    """The letter of the option that an answer takes: "(a)", "a", "A.", "a) Open", "The answer is (a)" or the
    option's text. "" where it names none, several, or a letter with another option's text."""
    letters = LETTERS[: len(options)]
    by_letter = {letter for letter in _letters(said, options) if letter in letters}
    by_text = _options_named(said, options)
    taken = by_letter & by_text if by_letter and by_text else by_letter | by_text
    return taken.pop() if len(taken) == 1 else ""


def _letters(said: str, options: Sequence[str]) -> set[str]:
    if among_brackets := {letter.lower() for letter in _AMONG_BRACKETS.findall(said)}:
        return among_brackets
    if match := _ALONE.match(said):
        return {match.group(1).lower()}
    plain = _plain(said)  # "a open", but not "a butterfly"
    return {letter for letter, option in zip(LETTERS, options, strict=False) if plain == [letter, *_plain(option)]}


def _options_named(said: str, options: Sequence[str]) -> set[str]:
    """The letters of options whose text is said; of "closed" and "half closed" only the longer counts."""
    phrases = [_plain(option) for option in options]
    named = [index for index, phrase in enumerate(phrases) if _claims(said, phrase)]
    longest = {i for i in named if not any(_within(phrases[i], phrases[j]) for j in named if j != i)}
    if not longest:
        plain = _plain(said)
        longest = {index for index, phrase in enumerate(phrases) if plain and _find(phrase, plain) is not None}
    return {LETTERS[index] for index in longest}


def _within(phrase: Sequence[str], longer: Sequence[str]) -> bool:
    return len(phrase) < len(longer) and _find(longer, phrase) is not None


def _claims(said: str, phrase: Sequence[str]) -> bool:
    """Whether a clause of `said` has the phrase, with no negation of its own shortly before it."""
    for clause in _CLAUSE_END.split(said):
        plain = _plain(clause)
        place = _find(plain, phrase)
        if place is not None and not NEGATIONS & set(plain[max(0, place - _REACH) : place]):
            return True
    return False


def _find(text: Sequence[str], phrase: Sequence[str]) -> int | None:
    """Where `phrase` begins among the words of `text`."""
    length = len(phrase)
    starts = (start for start in range(len(text) - length + 1) if list(text[start : start + length]) == list(phrase))
    return next(starts, None) if length else None


def _plain(text: str) -> list[str]:
    """The words of a text; numbers and colours by one spelling."""
    return [_spelling(word.plain) for word in words(text)]


def _spelling(word: str) -> str:
    value = value_of(word)
    return value[1] if value is not None and value[0] in (COLOR, NUMBER) else word


def _first_sentence(text: str) -> list[str]:
    return _plain(text.strip().split(".", 1)[0])
