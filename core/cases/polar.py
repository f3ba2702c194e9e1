"""Whether an answer says yes or no."""

from __future__ import annotations

import re

from ..comparison.claims import is_polar
from ..comparison.verdict import judge
from ..comparison.words import NEGATIONS, NO, YES, is_content, stem, words
from .clauses import plain
from .spelled import conclusion, correction, sentences, spelled

_UNSURE = re.compile(
    r"(?:\bnot|n't)\s+(?:\w+\s+)?(?:certain|sure|know)\b|\b(?:uncertain|unsure)\b"
    r"|\b(?:cannot|can't|can not|couldn't|could not|unable to|not able to|not possible to|impossible to)"
    r"\s+(?:\w+\s+)?(?:tell|say|know|determine|answer|see (?:an?|any|the) (?:image|picture|photo|figure|chart))\b"
    r"|\b(?:not |un)clear (?:whether|if|from)\b|\bnot enough (?:information|context)\b",
    re.IGNORECASE,
)
_BOTH_WAYS = re.compile(r"\byes\s*(?:/|or|and|nor)\s*no\b|\bno\s*(?:/|or|and|nor)\s*yes\b", re.IGNORECASE)
_NO_DOUBT = re.compile(
    r"\b(?:there(?:'s| is)\s+)?no (?:doubt|question)(?:\s+(?:that|about it))?\b|\bwithout (?:an?y? )?doubt\b",
    re.IGNORECASE,
)
_ONLY = re.compile(r"\b(?:not only|not just|not merely|nothing but)\b", re.IGNORECASE)
_TWICE_DENIED = re.compile(r"\bnot (?:the case|true|correct|right) that\b.*\b(?:no|not|none|nothing)\b|n't no\b", re.I)
_LED_IN = re.compile(
    r"^\W*(?:(?:(?:well|so|therefore|hence|thus|ok|okay|then|and|i(?: would|'d)? say|i think|i believe)\b"
    r"|(?:based on|in|from|according to)\s+[^,.;:\n]{1,60},)[\s,:]*)+",
    re.IGNORECASE,
)
_SHORT_YES = re.compile(
    r"(?:of course|sure|surely|absolutely|affirmative|exactly|probably|likely|very likely|most likely|certainly"
    r"|(?:i )?(?:think|believe|guess|suppose) so|(?:it |that )?(?:seems|appears|looks) so|so it (?:seems|appears)"
    r"|(?:it|they|he|she|there|that|this|these|those|both|both of them|all|all of them|i|you|we|one)"
    r"(?: (?:really|certainly|indeed|definitely))?"
    r" (?:is|are|was|were|does|do|did|has|have|had|can|will|would|could|should)(?: so)?|both|both of them)"
)
_SHORT_NO = re.compile(
    r"(?:negative|unlikely|very unlikely|(?:certainly|definitely|absolutely|surely|of course|probably|most likely) not"
    r"|neither|neither (?:is|are|of them|one)|none|none of them|nothing)(?: (?:is|are|does|do|has|have))?"
)
_SURELY = frozenset("certainly definitely indeed absolutely surely".split())
_NOTHING = frozenset("none nothing neither nobody nowhere".split())
_ASKS_FOR = re.compile(
    r"\b(?:is|are) there\b|\b(?:do|does|can|could)\b.*\b(?:see|show|contain|have|include|depict)\b", re.IGNORECASE
)
_SHOWS = frozenset(
    "see sees shows show contains contain has have visible depicts depict features includes include there displays "
    "present appears seen".split()
)


def yes_or_no(question: str, said: str) -> str:
    """ "yes" or "no" by what the answer concludes, corrects itself to, or says first; a statement ("The door is open.",
    "It seems that there is none") by what it says to the question; "" where it is neither or both, says that it cannot
    be told, or says one thing and states the other."""
    text = _ONLY.sub("", _NO_DOUBT.sub("certainly", spelled(said)))
    for part in (conclusion(text), correction(text)):
        if part is not None and (verdict := _of_sentence(question, sentences(part)[0])):
            return verdict
    first, *later = sentences(text)
    if verdict := _of_sentence(question, first):
        return verdict
    if _UNSURE.search(first) or _BOTH_WAYS.search(first):
        return ""
    for sentence in later:
        bare = plain(_LED_IN.sub("", sentence))
        if bare[:1] and bare[0] in {"yes", "no"}:
            return bare[0]
        if verdict := _stated(question, sentence):
            return verdict
    return ""


def yes_unless_no(said: str) -> str:
    """The rule of POPE's published evaluation (Li et al. 2023, `evaluate.py`): "no" where "no" or "not" is a word of
    the first sentence, else "yes". Contractions ("isn't") and capitals count here, which they do not there; an empty
    answer is ""."""
    if not said.strip():
        return ""
    return "no" if {"no", "not"} & set(plain(said.strip().split(".", 1)[0])) else "yes"


def _of_sentence(question: str, sentence: str) -> str:
    if _BOTH_WAYS.search(sentence) or _TWICE_DENIED.search(sentence):
        return ""
    bare = _LED_IN.sub("", sentence)
    spoken = [word.plain for word in words(bare)]
    short = {" ".join(spoken), " ".join(word.plain for word in words(sentence))}
    if any(map(_SHORT_NO.fullmatch, short)):
        return "no"
    if is_polar(question) and any(map(_SHORT_YES.fullmatch, short)):
        return "yes"
    if not spoken:
        return ""
    if spoken[0] in YES | NO:
        word = "yes" if spoken[0] in YES else "no"
        if spoken[0] in _SURELY and {"no", "not"} & set(spoken[1:2]):
            return "no"
        return "" if _clashes(question, bare, word) else word
    if verdict := _stated(question, bare):
        return verdict
    if _UNSURE.search(bare):
        return ""
    if {"no", "not"} & set(spoken) or (_NOTHING & set(spoken) and not _is_negated(question)):
        return "no"
    if YES & set(spoken):
        return "yes"
    return "yes" if _shows_it(question, spoken) else ""


def _stated(question: str, said: str) -> str:
    """What a statement says to the question, where it is about the same thing."""
    if not (said.strip() and is_polar(question)):
        return ""
    clashes = {word: judge([question] * 2, [said, word]).kind == "contradict" for word in ("yes", "no")}
    return "" if clashes["yes"] == clashes["no"] else "no" if clashes["yes"] else "yes"


def _clashes(question: str, said: str, word: str) -> bool:
    """Whether an answer that begins with yes or no goes on to state the other, as in "Yes, there is no dog"."""
    rest = said[words(said)[0].stop :]
    stated = "" if _is_negated(question) else _stated(question, rest)
    return stated not in ("", word)


def _is_negated(question: str) -> bool:
    return bool(NEGATIONS & {word.plain for word in words(question)})


def _shows_it(question: str, spoken: list[str]) -> bool:
    """Whether a sentence says that the thing asked for is to be seen, as in "The image shows a dog"."""
    if not _ASKS_FOR.search(question) or not _SHOWS & set(spoken) or NEGATIONS & set(spoken):
        return False
    wanted = {stem(word.plain) for word in words(question) if is_content(word.plain) and word.plain not in _SHOWS}
    return bool(wanted) and wanted <= {stem(word) for word in spoken}
