"""English as far as comparing short answers needs it: words with their places, and which words exclude each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Word:
    """A word in its plain form, and the characters [start, stop) of the text it was read from."""

    plain: str
    start: int
    stop: int


@dataclass(frozen=True)
class Dimension:
    """Something of which a thing can have one value only.

    `values` gives every word's value. `opposite`: the two values flip when subject and object change places ("left
    of"), or when the claim is denied. `exhaustive`: not having one value of the pair means having the other.
    """

    name: str
    values: dict[str, str]
    relational: bool = False
    exhaustive: bool = False

    def opposite(self, value: str) -> str | None:
        """The other value of a pair; None where there are more than two."""
        others = sorted(set(self.values.values()) - {value})
        return others[0] if len(others) == 1 else None


def _pair(name: str, one: str, two: str, relational: bool = False, exhaustive: bool = False) -> Dimension:
    """A pair of opposites, each given by its words; the first word is the value's name."""
    values = {word: words.split()[0] for words in (one, two) for word in words.split()}
    return Dimension(name, values, relational, exhaustive)


COLOR = Dimension(
    "color",
    {
        **{
            color: color
            for color in (
                "red green blue yellow white black orange purple pink brown gray gold silver beige turquoise teal "
                "maroon cyan magenta tan"
            ).split()
        },
        "grey": "gray",
        "violet": "purple",
        "navy": "blue",
        "scarlet": "red",
        "crimson": "red",
        "golden": "gold",
    },
)
NUMBER = Dimension(
    "number",
    {
        word: str(number)
        for number, word in enumerate(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty".split()
        )
    }
    | {"none": "0"},
)
PAIRS = (
    _pair("state", "open opened", "closed shut", exhaustive=True),
    _pair("power", "on", "off", exhaustive=True),
    _pair("sameness", "same identical match matching matches", "different differ differs", exhaustive=True),
    _pair("place", "inside indoors", "outside outdoors", exhaustive=True),
    _pair("fullness", "full", "empty"),
    _pair("side", "left", "right", relational=True),
    _pair("height", "above over top upper higher", "below under beneath underneath bottom lower", relational=True),
    _pair("depth", "front", "behind", relational=True),
    _pair("distance", "near nearer close closer", "far farther distant"),
    _pair("size", "big bigger biggest large larger largest", "small smaller smallest tiny little", relational=True),
    _pair("length", "tall taller long longer", "short shorter", relational=True),
    _pair("age", "old older", "young younger new newer", relational=True),
    _pair("time", "day daytime", "night nighttime"),
    _pair("wetness", "wet", "dry"),
    _pair("warmth", "hot", "cold"),
)
DIMENSIONS = (COLOR, NUMBER, *PAIRS)

YES = frozenset("yes yeah yep yup correct true indeed certainly definitely".split())
NO = frozenset("no nope nah incorrect false".split())
NEGATIONS = frozenset("not no never without neither nor cannot none absent missing invisible".split())
AUXILIARIES = frozenset(
    "is are am was were do does did can could has have had will would should may might must".split()
)

_FRAME = frozenset(
    # Words that hold a sentence together or name the picture as such, and so are no part of what it is about.
    """a an the this that these those there here it its they them their he she his her him i me my you your we our
    and or but so as if then than of in on at to from by for with into onto up down out off about
    be been being who whom whose what which where when why how
    please tell say think know look looking see seen saw spot find show shows shown showing contain contains
    describe compare count whether also just very really quite some any other others both each all only one ones
    picture image photo photograph photographed scene drawing thing things kind object objects
    color colors colour colours colored coloured number amount many much side sides part position positioned
    located location place state condition visible present turned switched
    further more most direction seems appear appears currently now
    """.split()
) | (AUXILIARIES | YES | NO | NEGATIONS)

_UNMISTAKABLY_ENGLISH = frozenset(
    "the are there what which this that these does how where you yes it its and not with color colors picture "
    "they from their has have does shows see".split()
)

_CONTRACTIONS = (
    (re.compile(r"\b(ca)n't\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\b(\w+)n't\b"), r"\1 not"),
    (re.compile(r"\b(it|that|there|he|she|what|where|who)'s\b"), r"\1 is"),
    (re.compile(r"\b(they|we|you)'re\b"), r"\1 are"),
    (re.compile(r"\bi'm\b"), "i am"),
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+(?:\.\d+)?")


def normal(text: str) -> str:
    """The text in small letters, without accents of form, punctuation or spare white space; contractions opened."""
    return " ".join(word.plain for word in words(text))


@lru_cache(maxsize=128)
def words(text: str) -> tuple[Word, ...]:
    """The words of a text; a contraction gives two at the same place ("isn't": is, not), a possessive loses its 's."""
    words_of = []
    for match in _WORD.finditer(text.replace("’", "'").replace("‘", "'")):
        plain = unicodedata.normalize("NFKC", match.group()).casefold()
        if "'" in plain:
            for pattern, opened in _CONTRACTIONS:
                plain = pattern.sub(opened, plain)
            plain = plain.removesuffix("'s")
        words_of += [Word(part, match.start(), match.end()) for part in plain.split()]
    return tuple(words_of)


def is_english(texts: list[str]) -> bool:
    """Whether texts together read as English: some words that hardly another language has, or only known values."""
    plain = [word.plain for text in texts for word in words(text)]
    sure = sum(word in _UNMISTAKABLY_ENGLISH for word in plain)
    known = sum(word in _FRAME or value_of(word) is not None or word.isdigit() for word in plain)
    return bool(plain) and (sure >= 0.12 * len(plain) or known == len(plain))


def is_content(word: str) -> bool:
    """Whether a word can name what a sentence is about."""
    return word not in _FRAME and value_of(word) is None


def stem(word: str) -> str:
    """A noun without its plural ending, good enough to compare it with itself."""
    if word in ("men", "women"):
        return word.replace("men", "man")
    if len(word) > 4 and word.endswith(("shes", "ches", "xes", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def values_in(clause: Sequence[Word]) -> list[tuple[int, Dimension, str]]:
    """The words of a clause that give something a value: their indices, dimensions and values.

    Left out are "on" and "off" where they are prepositions, and "one" where it is a pronoun.
    """
    values = []
    for index, word in enumerate(clause):
        value = value_of(word.plain)
        before = clause[index - 1].plain if index else ""
        last = index == len(clause) - 1
        if value is None:
            continue
        if word.plain in ("on", "off") and not (before in ("turned", "switched") or (last and before)):
            continue
        if word.plain == "one" and not (len(clause) == 1 or before in ("is", "are", "only", "exactly", "see")):
            continue
        values.append((index, *value))
    return values


def value_of(word: str) -> tuple[Dimension, str] | None:
    """The dimension a word can belong to and its value there, or None for other words."""
    if word.isdigit():
        return NUMBER, str(int(word))
    for dimension in DIMENSIONS:
        if word in dimension.values:
            return dimension, dimension.values[word]
    return None
