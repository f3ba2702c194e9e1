"""Of which tokens and in which layers an answer keeps its attention rows, and how many bytes that may take."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .memory import readable_bytes

WORTH_SAYING = 256 * 2**20
"""Bytes of rows of one answer that somebody is told of before it is asked for."""


@dataclass(frozen=True)
class KeepRows:
    """Rows are kept of the `last` so many tokens of an answer (None: of all), in some `layers` (None: in all). Others
    are computed again, by a replay, when they are looked at."""

    last: int | None = None
    layers: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < 1:
            raise ValueError(f"rows are kept of at least one token, not of {self.last}")
        if self.layers is not None and not self.layers:
            raise ValueError("rows are kept in at least one layer")

    def of_tokens(self, tokens: int) -> int:
        """Of how many of an answer's tokens rows are kept."""
        return tokens if self.last is None else min(tokens, self.last)

    def within(self, layers: int) -> KeepRows:
        """The same of a decoder of so many layers: one that lacks a layer keeps all."""
        return replace(self, layers=None) if self.layers and max(self.layers) >= layers else self

    def of_layers(self, layers: int) -> tuple[int, ...]:
        """In which of a decoder's layers. Raises ValueError for one that is not there."""
        if self.layers is None:
            return tuple(range(layers))
        if not all(0 <= layer < layers for layer in self.layers):
            raise ValueError(f"there are layers 0 to {layers - 1}, and rows are to be kept of {self.layers}")
        return tuple(sorted(set(self.layers)))


def as_rows(keep: bool | KeepRows) -> KeepRows | None:
    """True keeps all; False none."""
    if isinstance(keep, bool):
        return KeepRows() if keep else None
    return keep


def kept_bytes(layers: int, heads: int, prompt: int, tokens: int, keep: KeepRows) -> int:
    """The most bytes that the rows of an answer of `tokens` take after a prompt of so many positions, in half
    precision."""
    return 2 * len(keep.of_layers(layers)) * heads * keep.of_tokens(tokens) * (prompt + tokens)


def in_words(layers: int, heads: int, prompt: int, tokens: int, keep: KeepRows) -> str:
    """What will be kept: "1,024 tokens at 2,918 positions keep up to 8.0 GB of attention"."""
    size = readable_bytes(kept_bytes(layers, heads, prompt, tokens, keep))
    return f"{keep.of_tokens(tokens):,} tokens at {prompt:,} positions keep up to {size} of attention"
