"""Values by key, of which the latest used are kept within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import ref

from .kept_budget import KeptBudget

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class _Entry(Generic[Key, Value]):
    """A value as a cache keeps it, which a budget may drop."""

    def __init__(self, cache: BoundedCache[Key, Value], key: Key, value: Value, size: int) -> None:
        self._cache, self._key = ref(cache), key
        self.value, self.kept_bytes = value, size

    def drop(self) -> None:
        self.kept_bytes = 0
        if (cache := self._cache()) is not None:
            cache.let_go(self._key, self)


class BoundedCache(Generic[Key, Value]):
    """The latest value, and of others the most recently used whose sizes add up to at most `limit` with it. The limit
    is asked for, given the sizes used, whenever a value is put. Of any thread.

    With a `budget` sizes are bytes, and values are also dropped where all that it counts takes too much."""

    def __init__(self, limit: Callable[[int], int], budget: KeptBudget | None = None) -> None:
        self._limit, self._budget = limit, budget
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, _Entry[Key, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    @property
    def used(self) -> int:
        """The sizes of all that is kept."""
        with self._lock:
            return self._used()

    def keys(self) -> tuple[Key, ...]:
        with self._lock:
            return tuple(self._entries)

    def items(self) -> tuple[tuple[Key, Value], ...]:
        """All that is kept, which does not count as using it."""
        with self._lock:
            return tuple((key, entry.value) for key, entry in self._entries.items())

    def get(self, key: Key) -> Value | None:
        """What is kept under a key; None where nothing is."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
        if self._budget is not None:
            self._budget.use(entry)
        return entry.value

    def put(self, key: Key, value: Value, size: int = 1) -> None:
        """Keep `value`, whatever its size, dropping the least recently used of the others."""
        entry = _Entry(self, key, value, size)
        with self._lock:
            limit = self._limit(self._used() - self._size_of(key))
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > 1 and self._used() > limit:
                self._entries.popitem(last=False)
        if self._budget is not None:
            self._budget.keep(entry)  # not under the lock: it may let go of others here

    def drop(self, key: Key) -> None:
        """Let go of a value, if it is there."""
        with self._lock:
            self._entries.pop(key, None)

    def let_go(self, key: Key, entry: object) -> None:
        """Let go of this entry, unless another one has taken its place."""
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def _used(self) -> int:
        return sum(entry.kept_bytes for entry in self._entries.values())

    def _size_of(self, key: Key) -> int:
        return self._entries[key].kept_bytes if key in self._entries else 0
