"""The same question in other words: families of phrasings that should get the same facts.

Negation and opposite ask for the contrary, so the same facts are then said with the other word; order and politeness
ask for the very same. English only, and only where the grammar is plain enough to be sure of: of what is not
understood, fewer phrasings are made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..comparison.claims import is_polar
from ..comparison.opposites import pair_words
from ..comparison.words import NEGATIONS, is_english, value_of, words

Family = Literal["as asked", "negation", "opposite", "order", "politeness"]

_CONTRARY = {"can": "can't", "will": "won't", "shall": "shan't"}
_AUXILIARY = re.compile(r"^(is|are|was|were|do|does|did|has|have|can|could|will|would|shall|should)\b", re.IGNORECASE)
_THERE = re.compile(r"\b(there|see|show|contain) (?:an?|any) ", re.IGNORECASE)
_RELATIONS = ("to the left of|to the right of", "on the left of|on the right of", "in front of|behind", "above|below",
              "over|under", "on the left side of|on the right side of")  # fmt: skip
_MIRRORED = {one: other for pair in _RELATIONS for one, other in (pair.split("|"), pair.split("|")[::-1])}
_RELATION = "|".join(sorted(_MIRRORED, key=len, reverse=True))
_TURNED = re.compile(rf"\b({_RELATION})\b", re.IGNORECASE)
_RELATED = re.compile(rf"^(is|are) (the .+?) ({_RELATION}) (the .+?)\?$", re.IGNORECASE)
_CHOICE = re.compile(r"\b((?:the |an? )?[\w'-]+) or ((?:the |an? )?[\w'-]+)\b", re.IGNORECASE)
_STATED = re.compile(r"^is (the [\w' -]+?) (\w+)\?$", re.IGNORECASE)
_PEOPLE = re.compile(r"\b(man|woman|boy|girl|person|child)$", re.IGNORECASE)
_WHAT = re.compile(r"^(?:what|which) (colou?r) (is|are) (the .+?)\?$", re.IGNORECASE)
_PLACE = re.compile(r"^(.+?) (in (?:the|this) (?:picture|image|photo))\?$", re.IGNORECASE)


@dataclass(frozen=True)
class Phrasing:
    """A question and how it came from the one that was asked."""

    family: Family
    text: str


def phrasings(question: str) -> tuple[Phrasing, ...]:
    """The question as it was asked, then in other words; each wording once."""
    asked = " ".join(question.split())
    made: dict[str, Phrasing] = {asked.lower(): Phrasing("as asked", asked)}
    for phrasing in _made(asked) if is_english([asked]) else ():
        made.setdefault(phrasing.text.lower(), phrasing)
    return tuple(made.values())


def _made(asked: str) -> Iterator[Phrasing]:
    makers = (("negation", _negations), ("opposite", _opposites), ("order", _orders), ("politeness", _polite))
    for family, maker in makers:
        for text in maker(asked):
            yield Phrasing(family, text)  # type: ignore[arg-type]


def _negations(asked: str) -> Iterator[str]:
    """ "Isn't the door open?", "Is the door not open?", "Is there no dog?": of yes-no questions that deny nothing."""
    if not is_polar(asked) or NEGATIONS & {word.plain for word in words(asked)}:
        return
    if auxiliary := _AUXILIARY.match(asked):
        word = auxiliary[0]
        contrary = _CONTRARY.get(word.lower(), f"{word.lower()}n't")
        yield _capital(contrary) + asked[auxiliary.end() :]
    for start, _, _ in pair_words(asked):
        yield f"{asked[:start]}not {asked[start:]}"
    if _THERE.search(asked):
        yield _THERE.sub(r"\1 no ", asked, count=1)


def _opposites(asked: str) -> Iterator[str]:
    """ "Is the door closed?" for "Is the door open?": one word, or one relation, turned around."""
    if _TURNED.search(asked):
        yield _TURNED.sub(lambda turned: _MIRRORED[turned[0].lower()], asked, count=1)
        return
    for start, stop, other in pair_words(asked):
        yield asked[:start] + other + asked[stop:]


def _orders(asked: str) -> Iterator[str]:
    """The same words the other way round: alternatives, a relation with its things exchanged, the thing first."""
    choice = _CHOICE.search(asked)
    if choice:
        yield f"{asked[: choice.start()]}{choice[2]} or {choice[1]}{asked[choice.end() :]}"
    if related := _RELATED.match(asked):
        verb, one, relation, other = related.groups()
        yield f"{verb} {other} {_MIRRORED[relation.lower()]} {one}?"
    elif (stated := _STATED.match(asked)) and value_of(stated[2].lower()) and not choice:
        thing, state = stated.groups()
        if not _PEOPLE.search(thing):
            yield f"{_capital(thing)}, is it {state}?"
    if what := _WHAT.match(asked):
        color, verb, thing = what.groups()
        yield f"{_capital(thing)} {verb} what {color}?"
    if placed := _PLACE.match(asked):
        yield f"{_capital(placed[2])}, {_small(placed[1])}?"


def _polite(asked: str) -> Iterator[str]:
    yield f"Please tell me, {_small(asked)}"
    if asked.endswith("?"):
        yield f"{asked[:-1]}, please?"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
