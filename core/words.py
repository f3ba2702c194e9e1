"""Which tokens of a text are one word, in any script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import regex

_BOUNDARY = regex.compile(r"(?w)\b")
"""Where Unicode's default rules part words (UAX #29)."""

_WITHOUT_BLANKS = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}]"
)
"""Letters of scripts that part words by no blank."""


def word_boundaries(text: str) -> frozenset[int]:
    """The places of a text at which Unicode's default rules part words, its beginning and end among them."""
    return frozenset({0, len(text), *(match.start() for match in _BOUNDARY.finditer(text))})


def grouped(texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Indices of successive tokens, whose texts are given, grouped into words.

    A token that opens with white space opens a word. In scripts that write no blanks one also opens where Unicode parts
    words, if a letter follows: marks belong to the word before. Tokens without text (the further bytes of a character)
    belong to the word before, too.
    """
    text = "".join(texts)
    boundaries = word_boundaries(text)
    groups: list[list[int]] = []
    for index, (start, own) in enumerate(zip(_starts(texts), texts, strict=False)):
        first = own[:1]
        if not groups or first.isspace() or (first and start in boundaries and _parted_without_blank(text, start)):
            groups.append([])
        groups[-1].append(index)
    return tuple(tuple(group) for group in groups)


def _starts(texts: Sequence[str]) -> Iterator[int]:
    """Where each text begins in all of them joined, and where the last one ends."""
    return accumulate(map(len, texts), initial=0)


def _parted_without_blank(text: str, place: int) -> bool:
    """Whether a letter or digit follows at this place, and it or the one before is of a script without blanks."""
    around = text[max(0, place - 1) : place + 1]
    return text[place].isalnum() and _WITHOUT_BLANKS.search(around) is not None


def spelling(texts: Sequence[str], wanted: str) -> tuple[int, ...]:
    """Indices of the tokens that hold the first place at which a text, between boundaries of words, is written
    whatever its case; none where it is nowhere."""
    text, sought = "".join(texts), wanted.strip()
    if not sought:
        return ()
    boundaries = word_boundaries(text)
    for match in regex.finditer(regex.escape(sought), text, regex.IGNORECASE, overlapped=True):
        if {match.start(), match.end()} <= boundaries:
            spans = zip(_starts(texts), texts, strict=False)
            return tuple(
                index
                for index, (start, own) in enumerate(spans)
                if (start < match.end() and start + len(own) > match.start())
                or (not own and match.start() < start <= match.end())
            )
    return ()


def part_name(character: str, first: int, last: int) -> str:
    """What to call a part of a character's UTF-8 bytes, which count from 1: "🐶, byte 2 of 4"."""
    of = len(character.encode("utf-8", "surrogatepass"))
    which = f"byte {first}" if first == last else f"bytes {first} to {last}"
    return f"{character}, {which} of {of}"


def part_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Token texts for people: those without text that go on with a character of several bytes are called its parts, by
    their bytes where there is one for each."""
    names = list(texts)
    opening = [index for index, text in enumerate(texts) if text]
    for index, following in pairwise([*opening, len(texts)]):
        character, parts = texts[index][-1], following - index
        if parts == 1 or character.isascii():
            continue
        single = len(character.encode("utf-8", "surrogatepass")) == parts
        for part in range(2, parts + 1):
            name = part_name(character, part, part) if single else f"{character}, part {part} of {parts}"
            names[index + part - 1] = name
    return tuple(names)
