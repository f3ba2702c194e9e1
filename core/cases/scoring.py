"""Is an answer right? What it says is brought into the form that the expected answers have, and looked up there.

Nothing here asks another model. An answer that cannot be understood is "", and wrong: how many there were stands
beside every figure, so that nobody takes a rule's limits for the model's, and each is listed for somebody to decide
(`decisions.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ..comparison.words import COLOR, NEGATIONS, NUMBER, Dimension, value_of
from .case import Case
from .clauses import claims, clauses, plain
from .option_letters import LETTERS, option_letter
from .polar import yes_or_no, yes_unless_no
from .spelled import conclusion, correction, spelled

__all__ = ["LETTERS", "is_right", "option_letter", "understood", "yes_or_no", "yes_unless_no"]

_COUNTS = re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b", re.IGNORECASE)
_NOTHING = frozenset("no none nothing nobody neither".split())


def understood(case: Case, said: str) -> str:
    """What `said` says: "yes" or "no", the letter of an option, or for free text its words; "" where nothing, where a
    number or a colour is expected and none is said, and where a number is left open ("two or three")."""
    match case.scoring:
        case "yes_no":
            return yes_or_no(case.question, said)
        case "yes_unless_no":
            return yes_unless_no(said)
        case "choice":
            return option_letter(said, case.options)
        case "contains":
            return " ".join(plain(spelled(said))) if _says_a_value(case, spelled(said)) else ""
        case _:
            return " ".join(plain(said))


def is_right(case: Case, said: str) -> bool:
    """Whether `said` gives one of the expected answers.

    exact: the same words in the same order, whatever their capitals and punctuation. contains: an expected answer is
    among the words of one clause and not denied there ("not red"); an answer that lists everything is right by this
    measure, but for numbers ("two or three"). Number words are their numbers, "no trucks" is 0 where trucks are
    counted, and spellings of one colour are one colour. What an answer concludes or corrects itself to counts in place
    of what it said before.
    """
    if case.scoring == "contains":
        return _contains(case, spelled(said))
    if case.scoring == "exact":
        return understood(case, said) in {" ".join(plain(expected)) for expected in case.expected}
    return understood(case, said) in case.expected


def _contains(case: Case, text: str) -> bool:
    if not _says_a_value(case, text):
        return False
    kind = _kind(case)
    for part in (conclusion(text), correction(text)):
        if part is not None and (_any_claimed(case, part) or (kind is not None and _has(plain(part), kind))):
            return _any_claimed(case, part)
    return _any_claimed(case, text)


def _any_claimed(case: Case, text: str) -> bool:
    return any(
        claims(text, plain(expected)) or (plain(expected) == ["0"] and _none_counted(case, text))
        for expected in case.expected
    )


def _kind(case: Case) -> Dimension | None:
    """Number or colour, where every expected answer is one."""
    kinds = [[value_of(word) for word in plain(expected)] for expected in case.expected]
    for dimension in (NUMBER, COLOR):
        if kinds and all(len(kind) == 1 and kind[0] is not None and kind[0][0] is dimension for kind in kinds):
            return dimension
    return None


def _says_a_value(case: Case, text: str) -> bool:
    """Whether a text says something of the kind that is expected."""
    kind = _kind(case)
    if kind is NUMBER:
        return (_has(plain(text), kind) and not _left_open(text)) or _none_counted(case, text)
    return bool(plain(text)) and (kind is None or _has(plain(text), kind))


def _has(spoken: Sequence[str], kind: Dimension) -> bool:
    return any(value is not None and value[0] is kind for value in map(value_of, spoken))


def _none_counted(case: Case, text: str) -> bool:
    """Whether a clause says that there is none of what is counted."""
    if not _COUNTS.search(case.question):
        return False
    spoken = [plain(clause) for clause in clauses(text)]
    return any((_NOTHING | {"not"}) & set(words) and not _has(words, NUMBER) for words in spoken) and not any(
        _has(words, NUMBER) and not NEGATIONS & set(words) for words in spoken
    )


def _left_open(text: str) -> bool:
    """Whether a text names two numbers to choose from: "two or three", "between 2 and 4"."""
    for clause in clauses(text):
        spoken = plain(clause)
        numbers = [index for index, word in enumerate(spoken) if word.isdigit()]
        for one, other in pairwise(numbers):
            between = spoken[one + 1 : other]
            if between in (["or"], ["to"]) or (between == ["and"] and spoken[max(0, one - 1)] == "between"):
                return not (conclusion(text) or correction(text))
    return False
