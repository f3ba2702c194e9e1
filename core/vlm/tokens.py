"""From token ids back to text, one token at a time and without breaking a character.

A character outside the vocabulary is written as several byte tokens. Each token is therefore turned into bytes and
the bytes into text as they complete: the finished character belongs to the token that opened it, the others of the
group have empty text, and bytes that never become a character are dropped.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from ..words import part_name


class TokenReader(ABC):
    """Reads the tokens of one model."""

    @abstractmethod
    def bytes_of(self, token: int) -> bytes:
        """The UTF-8 bytes, whole characters or not, that a token stands for; none for a control token."""

    @abstractmethod
    def name_of(self, token: int) -> str:
        """What the vocabulary calls a token, also one without text."""

    def piece(self, token: int) -> str:
        """A lone token for people to read: its text with its leading space, its bytes where they are no whole
        characters, or its name where it has neither."""
        raw = self.bytes_of(token)
        try:
            return raw.decode() or self.name_of(token)
        except UnicodeDecodeError:
            return _bytes_name(raw)

    def texts(self, tokens: Iterable[int]) -> tuple[str, ...]:
        """The text of each token of an answer; joined they are the answer, without leading white space."""
        stream = TextStream(self)
        for token in tokens:
            stream.push(token)
        stream.finish()
        return tuple(stream.texts)

    def names(self, tokens: Sequence[int], texts: Sequence[str]) -> tuple[str, ...]:
        """What to call those of an answer's tokens that have bytes and no text: which bytes of which character they
        are; white space that opens the answer and is no part of it is itself. Empty for all others, such as control
        tokens."""
        spelled = [self.bytes_of(token) for token in tokens]
        whole = list(_characters(b"".join(spelled)))
        names, start = [], 0
        for raw, text in zip(spelled, texts, strict=True):
            stop = start + len(raw)
            names.append("" if text or not raw else _name_within(whole, raw, start, stop))
            start = stop
        return tuple(names)


def _bytes_name(raw: bytes) -> str:
    """Bytes by their values: "byte F0"."""
    return f"{'byte' if len(raw) == 1 else 'bytes'} {raw.hex(' ').upper()}"


def _characters(text: bytes) -> Iterator[tuple[int, str]]:
    """Where each whole character among some bytes begins, and what it is."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    for place in range(len(text)):
        for character in decoder.decode(text[place : place + 1]):
            yield place + 1 - len(character.encode()), character


def _name_within(whole: Sequence[tuple[int, str]], raw: bytes, start: int, stop: int) -> str:
    """What to call the bytes from `start` to `stop`, by the character of several bytes that they are in."""
    for begins, character in whole:
        ends = begins + len(character.encode())
        if begins <= start < ends and ends - begins > 1:
            return part_name(character, start - begins + 1, min(stop, ends) - begins)
    return raw.decode() if raw.isspace() else _bytes_name(raw)


class TextStream:
    """Turns tokens into text as they come. `texts` holds the text of every token pushed so far."""

    def __init__(self, reader: TokenReader) -> None:
        self._reader = reader
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._opened: int | None = None
        self._blank = True
        self.texts: list[str] = []

    def push(self, token: int) -> str:
        """Take one token; returns the text that is complete now (often the token's own, sometimes none)."""
        self.texts.append("")
        raw = self._reader.bytes_of(token)
        if raw and self._opened is None:
            self._opened = len(self.texts) - 1
        text = self._decoder.decode(raw)
        if self._blank:
            text = text.lstrip()
        if text:
            self._blank = False
            # The character belongs to the token that opened it; a part left over opens with this one.
            self.texts[self._opened if self._opened is not None else -1] += text
        if not self._decoder.getstate()[0]:
            self._opened = None
        elif text:
            self._opened = len(self.texts) - 1
        return text

    def finish(self) -> None:
        """Drop what never became a character."""
        self._decoder.reset()
        self._opened = None
