"""From token ids back to text, one token at a time and without breaking a character.

A character outside the vocabulary is written as several byte tokens. Each token is therefore turned into bytes and
the bytes into text as they complete: the finished character belongs to the token that opened it, the others of the
group have empty text, and bytes that never become a character are dropped.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@lru_cache(maxsize=1)
def _byte_level_alphabet() -> dict[str, int]:
    """The byte behind each character of a byte-level vocabulary (GPT-2's reversible table)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in printable)
    table.update({chr(256 + index): byte for index, byte in enumerate(others)})
    return table


class TokenReader:
    """Reads the tokens of one tokenizer (a `transformers` fast tokenizer)."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._control = frozenset(tokenizer.all_special_ids)
        decoder = str(tokenizer.backend_tokenizer.decoder)
        self._byte_level = "ByteLevel" in decoder
        self._byte_fallback = "ByteFallback" in decoder
        self._anchor = tokenizer.encode("a", add_special_tokens=False)[-1:]
        self._bytes: dict[int, bytes] = {}

    def bytes_of(self, token: int) -> bytes:
        """The UTF-8 bytes, whole characters or not, that a token stands for; none for a control token."""
        if token not in self._bytes:
            self._bytes[token] = self._look_up(token)
        return self._bytes[token]

    def _look_up(self, token: int) -> bytes:
        written = self._tokenizer.convert_ids_to_tokens(token)
        if token in self._control or written is None:
            return b""
        if self._byte_level:
            table = _byte_level_alphabet()
            if all(character in table for character in written):
                return bytes(table[character] for character in written)
            return str(written).encode()
        if self._byte_fallback and (match := _FALLBACK.fullmatch(written)):
            return bytes([int(match[1], 16)])
        # Many decoders drop the space of a leading token, so it is decoded after another one.
        anchor = self._tokenizer.decode(self._anchor, clean_up_tokenization_spaces=False)
        both = self._tokenizer.decode([*self._anchor, token], clean_up_tokenization_spaces=False)
        return str(both[len(anchor) :]).encode()

    def piece(self, token: int) -> str:
        """A lone token for people to read: its text with its leading space, or its name where it has no text."""
        try:
            text = self.bytes_of(token).decode()
        except UnicodeDecodeError:
            text = ""
        return text or str(self._tokenizer.convert_ids_to_tokens(token) or f"<{token}>")

    def texts(self, tokens: Iterable[int]) -> tuple[str, ...]:
        """The text of each token of an answer; joined they are the answer, without leading white space."""
        stream = TextStream(self)
        for token in tokens:
            stream.push(token)
        stream.finish()
        return tuple(stream.texts)


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
