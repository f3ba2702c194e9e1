"""What an answer claims, read together with its question.

"Yes" to "Is the truck's door open?" claims that the state of {truck, door} is open, and so does "No" to "Is it
closed?". Claims are read clause by clause with a small lexicon (`words.py`) and no grammar: enough for the short
answers that phrasings of one question get, and made so that what is not understood claims nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .words import (
    AUXILIARIES,
    NEGATIONS,
    NO,
    NUMBER,
    YES,
    Dimension,
    Word,
    is_content,
    stem,
    value_of,
    values_in,
    words,
)

FACT = "fact"
"""The dimension of what is so or not so as a whole ("there is a dog")."""

_CLAUSE_END = re.compile(
    r"[.;!?\n]+|,|\b(?:and|but|so)\b(?=\s+(?:the|a|an|there|it|they|its|his|her|no)\b)", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_LEAD_IN = re.compile(
    r"^\s*(?:please\b[\s,]*|(?:would|do|can|could) you (?:say|think|agree|confirm|see|tell) (?:that|if|whether)\b\s*"
    r"|is it (?:true|right|correct|the case) that\b\s*|is it so that\b\s*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """`about` are stems of the words that name the subject, "first>second" for a relation in a fixed order.
    `value` is claimed, or denied when `positive` is false. `said` is the word that gives the value, as written;
    `asked` tells that it stands in the question."""

    dimension: str
    about: frozenset[str]
    value: str
    positive: bool
    said: str
    asked: bool


@dataclass(frozen=True)
class Reading:
    """An answer as read: `polarity` is yes (True), no (False) or neither; `subject` what its question is about."""

    polarity: bool | None
    subject: frozenset[str]
    claims: tuple[Claim, ...]


def read(question: str, answer: str) -> Reading:
    """The claims that `answer` makes as an answer to `question`."""
    asked = _asked(question)
    subject = _nouns(asked)
    polarity, rest = _polarity(answer)
    claims = [claim for clause in _clauses(rest) for claim in _stated(clause, subject)]
    if polarity is not None and is_polar(question) and not _settled(asked, claims):
        claims += _conceded(asked, polarity)
    return Reading(polarity, subject, tuple(dict.fromkeys(claims)))


def _settled(asked: Sequence[Word], stated: Sequence[Claim]) -> bool:
    """Whether an answer to a question with "not" says itself what it means. English yes and no to "Is it not open?" are
    taken either way, so "Yes, it is open." claims that it is open."""
    if not NEGATIONS & {word.plain for word in asked}:
        return False
    about = _nouns(asked)
    dimensions = {dimension.name for _, dimension, _ in values_in(asked)}
    return any(claim.dimension in dimensions and comparable(claim.about, about) for claim in stated)


def is_polar(question: str) -> bool:
    """Whether a question asks for yes or no: it opens with a verb ("Is ...") and offers no alternatives."""
    bare = _LEAD_IN.sub("", _last_sentence(question))
    led = bare != _last_sentence(question)
    asked = [word.plain for word in words(bare)]
    if re.search(r"\bor\b(?!\s+not\b)", bare, re.IGNORECASE) or not asked:
        return False
    after_comma = [word.plain for word in words(bare.rsplit(",", 1)[-1])]
    opens = asked[0] in AUXILIARIES or (bool(after_comma) and after_comma[0] in AUXILIARIES)
    return (opens or led) and not _asks_with_w(asked)


def _asks_with_w(asked: list[str]) -> bool:
    """Whether it is a what, which or how question after all ("Can you tell me what color it is?")."""
    return bool({"what", "which", "where", "who", "whose", "how", "why", "when"} & set(asked))


def _last_sentence(text: str) -> str:
    """The question itself, where facts are stated before it."""
    sentences = _SENTENCE.findall(text)
    questions = [sentence for sentence in sentences if sentence.rstrip().endswith("?")]
    return (questions or sentences or [""])[-1].strip()


def _asked(question: str) -> list[Word]:
    """The words of the question proper. "Isn't the door open?" asks what "Is the door open?" asks."""
    asked = list(words(_LEAD_IN.sub("", _last_sentence(question))))
    if len(asked) > 1 and asked[0].plain in AUXILIARIES and asked[1].plain == "not":
        del asked[1]
    return asked


def _polarity(answer: str) -> tuple[bool | None, str]:
    """Yes, no or neither, and the answer after that word. "No dogs." is not a no but a count."""
    split = words(answer)
    if not split:
        return None, ""
    first, rest = split[0], answer[split[0].stop :]
    following = split[1].plain if len(split) > 1 else ""
    apart = not following or not rest[:1].isspace() or not is_content(following)
    if first.plain in YES:
        return True, rest
    if first.plain in NO and apart:
        return False, rest
    return None, answer


def _clauses(answer: str) -> list[tuple[Word, ...]]:
    return [clause for part in _CLAUSE_END.split(answer) if (clause := words(part))]


def _nouns(clause: Sequence[Word]) -> frozenset[str]:
    values = {index for index, _, _ in values_in(clause)}
    return frozenset(stem(w.plain) for i, w in enumerate(clause) if i not in values and is_content(w.plain))


def _stated(clause: Sequence[Word], subject: frozenset[str]) -> list[Claim]:
    """What a clause of the answer claims about its own nouns, or about the question's where it has none."""
    plain = [word.plain for word in clause]
    denied = bool(NEGATIONS & set(plain))
    claims = []
    for index, dimension, value in values_in(clause):
        about, value = _about(clause, index, dimension, value, subject)
        claims += _claim(dimension, about, value, not denied or value == "0", clause[index].plain, asked=False)
    if "there" in plain[:2] and (exists := _existing(clause)):
        number = next((v for _, d, v in values_in(clause) if d is NUMBER), None)
        claims.append(Claim(FACT, exists, "so", not denied and number != "0", "there", asked=False))
        if denied and number is None:
            claims.append(Claim(NUMBER.name, exists, "0", True, "no", asked=False))
    return claims


def _existing(clause: Sequence[Word]) -> frozenset[str]:
    """What "there is" introduces: the first run of nouns in the clause."""
    nouns: list[str] = []
    for word in clause:
        if is_content(word.plain):
            nouns.append(stem(word.plain))
        elif nouns:
            break
    return frozenset(nouns)


def _conceded(asked: Sequence[Word], polarity: bool) -> list[Claim]:
    """What yes or no to a question claims."""
    holds = polarity != bool(NEGATIONS & {word.plain for word in asked})
    values = values_in(asked)
    claims, proposition = [], set(_nouns(asked))
    for index, dimension, value in values:
        about, value = _about(asked, index, dimension, value, frozenset())
        if holds or len(values) == 1:
            claims += _claim(dimension, about, value, holds, asked[index].plain, asked=True)
        # A relation names its two subjects in order, and so in place of the bare nouns.
        proposition = (proposition - _nouns(asked) if _is_relation(about) else proposition) | about | {value}
    if proposition:
        claims.append(Claim(FACT, frozenset(proposition), "so", holds, "yes" if polarity else "no", asked=True))
    return claims


def _claim(
    dimension: Dimension, about: frozenset[str], value: str, positive: bool, said: str, asked: bool
) -> list[Claim]:
    """The claim, and for pairs that leave no third the opposite claim that a denial amounts to."""
    claims = [Claim(dimension.name, about, value, positive, said, asked)]
    opposite = dimension.opposite(value)
    if not positive and dimension.exhaustive and opposite:
        claims.append(Claim(dimension.name, about, opposite, True, f"not {said}", asked))
    return claims


def _about(
    clause: Sequence[Word], index: int, dimension: Dimension, value: str, subject: frozenset[str]
) -> tuple[frozenset[str], str]:
    """What a value is said of, and the value. A relation between two is turned into a fixed order of the two:
    "the dog is left of the car" and "the car is right of the dog" are one claim."""
    nouns = _nouns(clause)
    if not dimension.relational:
        return nouns or subject, value
    run: list[str] = []
    for word in clause[index + 1 :]:
        if is_content(word.plain):
            run.append(stem(word.plain))
        elif run:
            break
    second = frozenset(run)
    first = nouns - second
    if not second and first and first < subject:
        second = subject - first
    if not first or not second:
        return nouns or subject, value
    one, two = "+".join(sorted(first)), "+".join(sorted(second))
    if one <= two:
        return frozenset({f"{one}>{two}"}), value
    return frozenset({f"{two}>{one}"}), dimension.opposite(value) or value


def _is_relation(about: frozenset[str]) -> bool:
    return any(">" in name for name in about)


def comparable(one: frozenset[str], two: frozenset[str]) -> bool:
    """Whether two subjects may be the same thing: one's words are among the other's ("door", "truck's door")."""
    return one <= two or two <= one


def alternatives(question: str) -> frozenset[str]:
    """The words a question offers to choose from: the last one before "or" and the first one after it."""
    asked = words(_last_sentence(question))
    offered: set[str] = set()
    for index, word in enumerate(asked):
        if word.plain == "or":
            before = [w.plain for w in asked[:index] if is_content(w.plain) or value_of(w.plain)]
            after = [w.plain for w in asked[index + 1 :] if is_content(w.plain) or value_of(w.plain)]
            offered |= {*before[-1:], *after[:1]}
    return frozenset(offered)
