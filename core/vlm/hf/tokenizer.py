"""The tokens of a `transformers` fast tokenizer as bytes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ..tokens import TokenReader

_BYTE_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@lru_cache(maxsize=1)
def _byte_level_alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for (GPT-2's reversible table)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in printable)
    table.update({chr(256 + index): byte for index, byte in enumerate(others)})
    return table


class TokenizerReader(TokenReader):
    """Reads the tokens of one tokenizer, of a byte-level or a byte-fallback vocabulary."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._control = frozenset(tokenizer.all_special_ids)
        decoder = str(tokenizer.backend_tokenizer.decoder)
        self._byte_level = "ByteLevel" in decoder
        self._byte_fallback = "ByteFallback" in decoder
        self._anchor = tokenizer.encode("a", add_special_tokens=False)[-1:]
        self._bytes: dict[int, bytes] = {}

    def bytes_of(self, token: int) -> bytes:
        if token not in self._bytes:
            self._bytes[token] = self._look_up(token)
        return self._bytes[token]

    def name_of(self, token: int) -> str:
        return str(self._tokenizer.convert_ids_to_tokens(token) or f"<{token}>")

    def _look_up(self, token: int) -> bytes:
        written = self._tokenizer.convert_ids_to_tokens(token)
        if token in self._control or written is None:
            return b""
        if self._byte_level:
            table = _byte_level_alphabet()
            if all(character in table for character in written):
                return bytes(table[character] for character in written)
            return str(written).encode()
        if self._byte_fallback and (match := _BYTE_FALLBACK.fullmatch(written)):
            return bytes([int(match[1], 16)])
        # Many decoders drop the space of a leading token, so it is decoded after another one.
        anchor = self._tokenizer.decode(self._anchor, clean_up_tokenization_spaces=False)
        both = self._tokenizer.decode([*self._anchor, token], clean_up_tokenization_spaces=False)
        return str(both[len(anchor) :]).encode()
