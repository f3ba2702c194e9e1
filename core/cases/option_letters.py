"""Which option of a multiple choice an answer takes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..comparison.words import NEGATIONS
from .clauses import WRONG, claims, clauses, find, plain
from .spelled import conclusion, correction, spelled

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BRACKETED = re.compile(r"[(\[{<【〔〈《「]\s*([a-z])\s*[)\]}>】〕〉》」]", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:options?|choices?|answer|letter)\s+([a-z])\b", re.IGNORECASE)
_TAKEN = re.compile(r"\b(?:is|be|it's|choose|chose|pick|select|with|for|say)\s+([A-Z])\b(?=\s*(?:$|[.,:;!)]))")
"""Without brackets only a capital is a letter here: "it is a"."""
NEAR = 120
"""Characters around a letter in which it is denied: a clause may be as long as an answer."""
_BARE = re.compile(r"\W*(?:(?i:not|it's|it is|is|definitely|clearly)\s+)?([A-Z])\W*")
"""A clause that is nothing but a letter."""
_FIRST = re.compile(
    r"\W*(?:(?:definitely|clearly|probably|so|therefore|hence|thus)\W+)?(?:the\s+)?(?:(?:correct|right|best)\s+)?"
    r"(?:(?:answer|option|choice)(?:\s+is)?\W*)?([a-z])(?=\W*$|\s*[.):,;=–—-]|\n|\s+(?:because|since|as)\b)",
    re.IGNORECASE,
)
_IS_CORRECT = re.compile(
    r"(?:[(\[{<【〔〈《「]\s*([a-z])\s*[)\]}>】〕〉》」]|\b(?:option|choice|answer)\s+([a-z])|\b([A-Z]))\s+"
    r"(?:is|would be|must be|seems|looks)\s+(?:the\s+)?(?:only\s+)?(?:correct|right|best|answer|true)\b",
    re.IGNORECASE,
)
_ORDINAL = re.compile(
    r"\b(first|second|third|fourth|fifth|sixth|last|former|latter|\d+(?:st|nd|rd|th))\b\s*(one|option|choice|answer)?"
    r"|\b(?:option|choice|answer)\s+(?:number\s+|no\.\s*)?(\d+|one|two|three|four|five|six)\b",
    re.IGNORECASE,
)
_PLACES = {"first": 1, "former": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6}
_COUNTED = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_ALL = re.compile(r"\b(?:neither|both|all of|none of|any of|either)\b", re.IGNORECASE)


def option_letter(said: str, options: Sequence[str]) -> str:
    r"""The letter of the option that an answer takes: "(a)", "A.", "[a]", "Option B", "\boxed{B}", "a) Open", "The
    answer is (a)", "(a) is wrong; it is (b)", "the second one", or the option's text. Where it concludes or corrects
    itself, that counts. "" where it names none, several, or a letter with another option's text."""
    text = spelled(said)
    for part in (conclusion(text), correction(text), _headed(text)):
        if part is not None and (letter := _only(_taken(part.split(";")[0], options))):
            return letter
    correct = {letter for found in _IS_CORRECT.findall(text) for letter in found if letter}
    if letter := _only({letter.lower() for letter in correct} & set(LETTERS[: len(options)])):
        return letter
    return _only(_taken(text, options))


def _headed(text: str) -> str | None:
    """The first of several lines where it alone begins with a letter: "B. Closed", and then why."""
    lines = [line for line in text.split("\n") if line.strip()]
    lettered = [line for line in lines if _FIRST.match(line) or _BRACKETED.match(line.strip())]
    return lines[0] if len(lines) > 1 and lettered == lines[:1] and "?" not in lines[0] else None


def _only(letters: set[str]) -> str:
    return next(iter(letters)) if len(letters) == 1 else ""


def _taken(text: str, options: Sequence[str]) -> set[str]:
    """The letters that a text takes; several where it does not decide."""
    named = {letter for letter in _letters(text, options) if letter in LETTERS[: len(options)]}
    by_text = _options_named(text, options)
    if len(named) == 1 and by_text:
        return named & by_text
    return named or by_text or _by_place(text, options)


def _letters(text: str, options: Sequence[str]) -> set[str]:
    """The letters that are named and not denied."""
    mentioned = [
        (letter.lower(), _is_denied(clause, start, stop))
        for clause in clauses(text)
        for letter, start, stop in _mentions(clause)
    ]
    if mentioned:
        if re.search(r"\b(?:neither|none)\b", text, re.IGNORECASE) and len({letter for letter, _ in mentioned}) > 1:
            return set()
        return {letter for letter, no in mentioned if not no}
    if match := _FIRST.match(text):
        return {match.group(1).lower()}
    if match := _TAKEN.search(text):
        before = plain(text[: match.start()])[-3:]
        return set() if NEGATIONS & set(before) else {match.group(1).lower()}
    spoken = plain(text)  # "a open", but not "a butterfly"
    return {letter for letter, option in zip(LETTERS, options, strict=False) if spoken == [letter, *plain(option)]}


def _mentions(clause: str) -> list[tuple[str, int, int]]:
    """The letters in brackets or after "option" in a clause, with their characters."""
    bare = _BARE.fullmatch(clause)
    found = [*_BRACKETED.finditer(clause), *_NAMED.finditer(clause), *([bare] if bare else [])]
    return [(match.group(1), match.start(1), match.end(1)) for match in found]


def _is_denied(clause: str, start: int, stop: int) -> bool:
    """Whether a letter is denied in its clause: "not (a)", "(a) is wrong", "(a) can be ruled out"."""
    before = plain(clause[max(0, start - NEAR) : start])[-3:]
    after = plain(_BRACKETED.sub(" ", clause[stop : stop + NEAR]))
    return bool(NEGATIONS & set(before)) or bool((NEGATIONS | WRONG) & set(after))


def _options_named(text: str, options: Sequence[str]) -> set[str]:
    """The letters of options whose text is said; of "closed" and "half closed" only the longer counts."""
    phrases = [plain(option) for option in options]
    named = [index for index, phrase in enumerate(phrases) if claims(text, phrase)]
    longest = {i for i in named if not any(_within(phrases[i], phrases[j]) for j in named if j != i)}
    if not longest:
        spoken = plain(text)
        longest = {index for index, phrase in enumerate(phrases) if spoken and find(phrase, spoken) is not None}
    return {LETTERS[index] for index in longest}


def _within(phrase: Sequence[str], longer: Sequence[str]) -> bool:
    return len(phrase) < len(longer) and find(longer, phrase) is not None


def _by_place(text: str, options: Sequence[str]) -> set[str]:
    """ "The second one", "option 2", "the latter" of two: where no option's text is said. A bare ordinal counts only
    where it is all that is said."""
    places: set[int] = set()
    if _ALL.search(text) or len(list(_ORDINAL.finditer(text))) > 1:
        return set()
    for match in _ORDINAL.finditer(text):
        ordinal, thing, counted = (part.lower() if part else "" for part in match.groups())
        alone = not plain(text[: match.start()] + text[match.end() :]) or plain(text)[:2] == ["the", ordinal]
        pair = ordinal in ("former", "latter") and len(options) == 2
        if NEGATIONS & set(plain(text[: match.start()])[-3:]):
            continue
        if counted:
            places.add(_COUNTED.get(counted) or int(counted[:4]))
        elif pair or thing or (alone and len(plain(text)) <= 2 and ordinal not in ("former", "latter")):
            last = ordinal in ("last", "latter")
            places.add(len(options) if last else _PLACES.get(ordinal) or int(re.sub(r"\D", "", ordinal)[:4]))
    return {LETTERS[place - 1] for place in places if 1 <= place <= len(options)}
