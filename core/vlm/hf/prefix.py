"""What is worth keeping between questions about one image: the vision tower's output, and what the decoder's layers
remember of the prompt up to the question. The newest is kept, and others within a bound in bytes.

What a layer with attention remembers (keys and values) can be cut to any shorter prefix. What a layer without it
remembers (the states of a convolution or a recurrence) is of one length and no other: it is copied at that length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..bounded import BoundedCache
from ..kept_budget import KeptBudget
from .layer_memory import LayerMemory, RecurrentStates, empty_cache, memory_bytes, remember


@dataclass(frozen=True)
class PrefixKey:
    """A prefix is known by the images under their mask and by its tokens."""

    visual: str
    ids: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class KeptPrefix:
    """What each layer remembers of the first `length` positions of a prompt, one sequence of it."""

    layers: tuple[LayerMemory, ...] = ()
    length: int = 0

    @property
    def divisible(self) -> bool:
        """Whether it can be cut to a shorter prefix."""
        return not any(isinstance(layer, RecurrentStates) for layer in self.layers)

    def until(self, length: int) -> KeptPrefix:
        """What is remembered of the first `length` positions. Raises ValueError where that cannot be told."""
        if length == self.length:
            return self
        if length > self.length or not self.divisible:
            raise ValueError(f"what is kept of {self.length} positions does not tell what would be of {length}")
        cut = tuple(
            (layer[0][:, :, :length], layer[1][:, :, :length]) if isinstance(layer, tuple) else None
            for layer in self.layers
        )
        return KeptPrefix(cut, length)


class PrefixStore:
    """What is remembered of prompt prefixes."""

    def __init__(self, limit: Callable[[int], int], budget: KeptBudget | None = None) -> None:
        self._kept: BoundedCache[PrefixKey, KeptPrefix] = BoundedCache(limit, budget)

    def __len__(self) -> int:
        return len(self._kept)

    def longest(self, visual: str, ids: Sequence[int], limit: int) -> KeptPrefix:
        """What is kept of the longest prefix of `ids` that has at most `limit` tokens; an empty one where there is
        none."""
        best, length = None, 0
        for key, kept in self._kept.items():
            usable = min(kept.length, limit) if kept.divisible else kept.length
            if length < usable <= limit and key.visual == visual and key.ids[:usable] == tuple(ids[:usable]):
                best, length = key, usable
        longest = self._kept.get(best) if best is not None else None
        return KeptPrefix() if longest is None else longest.until(length)

    def keep(self, visual: str, ids: Sequence[int], prefix: KeptPrefix) -> None:
        """Keep what is remembered of `ids`. A shorter beginning of the same, which can be had of it, is dropped: each
        turn of a conversation begins with all turns before."""
        if prefix.divisible:
            for key, _ in self._kept.items():
                if key.visual == visual and len(key.ids) < len(ids) and key.ids == tuple(ids[: len(key.ids)]):
                    self._kept.drop(key)
        self._kept.put(PrefixKey(visual, tuple(ids)), prefix, sum(memory_bytes(layer) for layer in prefix.layers))

    def clear(self) -> None:
        self._kept.clear()


def network_cache(config: Any, prefix: KeptPrefix, batch: int = 1) -> Any:
    """The cache of a network with this configuration that starts from what is kept of a prefix, for each of a batch.
    What is kept stays as it is: growing the cache copies."""
    cache = empty_cache(config)
    if prefix.length:
        remember(cache, prefix.layers, batch)
    return cache
