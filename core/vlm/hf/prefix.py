"""What is worth keeping between questions about one image: the vision tower's output and the prompt's keys and
values up to the question. Kept newest first within a bound in bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

LayerKeysValues = tuple[Float[Tensor, "batch heads key size"], Float[Tensor, "batch heads key size"]]
Key = TypeVar("Key")
Value = TypeVar("Value")


class ByteBoundedCache(Generic[Key, Value]):
    """The most recently used values whose sizes add up to at most `limit` bytes. Not thread-safe."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> tuple[Key, ...]:
        return tuple(self._entries)

    def get(self, key: Key) -> Value | None:
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep `value`, dropping the least recently used; a value larger than the whole bound is not kept."""
        if key in self._entries:
            self.used -= self._entries.pop(key)[1]
        if size > self.limit:
            return
        self._entries[key] = (value, size)
        self.used += size
        while self.used > self.limit:
            _, (_, freed) = self._entries.popitem(last=False)
            self.used -= freed

    def clear(self) -> None:
        self._entries.clear()
        self.used = 0


@dataclass(frozen=True)
class PrefixKey:
    """A prefix is known by the images under their mask and by its tokens."""

    visual: str
    ids: tuple[int, ...]


class PrefixStore:
    """Keys and values of prompt prefixes."""

    def __init__(self, limit: int) -> None:
        self._kept: ByteBoundedCache[PrefixKey, list[LayerKeysValues]] = ByteBoundedCache(limit)

    def __len__(self) -> int:
        return len(self._kept)

    def longest(self, visual: str, ids: Sequence[int]) -> tuple[list[LayerKeysValues], int]:
        """The longest kept prefix of `ids` that leaves at least one token to read, and its length (or nothing)."""
        best: PrefixKey | None = None
        kept = self._kept.keys()
        for key in kept:
            length = len(key.ids)
            if key.visual != visual or length >= len(ids) or tuple(ids[:length]) != key.ids:
                continue
            if best is None or length > len(best.ids):
                best = key
        layers = self._kept.get(best) if best is not None else None
        return (layers, len(best.ids)) if best is not None and layers is not None else ([], 0)

    def keep(self, visual: str, ids: Sequence[int], cache: Any) -> None:
        """Keep the keys and values of the first `len(ids)` positions of a network's cache (batch of one)."""
        length = len(ids)
        layers = [(layer.keys[:, :, :length], layer.values[:, :, :length]) for layer in cache.layers]
        size = sum(tensor.untyped_storage().nbytes() for pair in layers for tensor in pair)
        self._kept.put(PrefixKey(visual, tuple(ids)), layers, size)

    def clear(self) -> None:
        self._kept.clear()


def network_cache(layers: Sequence[LayerKeysValues], batch: int = 1) -> Any:
    """A network's cache that starts from kept keys and values, which stay as they are: growing it copies.

    Without the configuration every layer keeps all keys, also those after a sliding window, whose mask still holds.
    """
    if not layers:
        return DynamicCache()
    return DynamicCache([(keys.expand(batch, -1, -1, -1), values.expand(batch, -1, -1, -1)) for keys, values in layers])
