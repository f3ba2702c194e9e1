"""How much memory all that is kept to be looked at again may take together: attention rows of answers, their pixels,
results of pages, outputs of vision towers and beginnings of prompts, these in the CPU's memory. What is longest unused
is dropped first, and computed or read again when it is looked at."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Protocol
from weakref import ref

import torch

from .memory import available_bytes

log = logging.getLogger(__name__)

BYTES = "SIGHTLINE_KEPT_BYTES"
"""The environment variable that sets the bytes that this process may keep so."""

SHARE = 4
"""Without it that is one part in so many of what is free beside them."""


class Droppable(Protocol):
    """What somebody holds and can do without."""

    @property
    def kept_bytes(self) -> int:
        """What it takes now; 0 after it was dropped."""

    def drop(self) -> None:
        """Let go of it. From any thread."""


class KeptBudget:
    """Bounds what is kept for every model, conversation and tab of this process together. It holds none of it itself:
    what nobody else holds any longer counts for nothing."""

    def __init__(self, limit: Callable[[int], int] | None = None) -> None:
        """`limit` tells how many bytes may be kept where so many are."""
        self._lock = threading.Lock()
        self._limit = limit or bytes_allowed
        self._kept: dict[int, ref[Droppable]] = {}

    def keep(self, latest: Droppable) -> None:
        """Count this as the latest used; other things are dropped, the longest unused first, until all fit. The latest
        stays, whatever its size."""
        with self._lock:
            self._kept.pop(id(latest), None)
            self._kept[id(latest)] = ref(latest)
            there = {key: known for key, known in ((key, of()) for key, of in self._kept.items()) if known is not None}
            used = sum(known.kept_bytes for known in there.values())
            limit = self._limit(used)
            for known in list(there.values())[:-1]:
                if used <= limit:
                    break
                used -= known.kept_bytes
                known.drop()
            self._kept = {key: ref(known) for key, known in there.items() if known.kept_bytes or known is latest}

    def use(self, known: Droppable) -> None:
        """Note that this was looked at, if it is counted."""
        with self._lock:
            if id(known) in self._kept:
                self._kept[id(known)] = self._kept.pop(id(known))

    @property
    def used(self) -> int:
        """Bytes of all that is held."""
        with self._lock:
            return sum(known.kept_bytes for of in self._kept.values() if (known := of()) is not None)

    def __len__(self) -> int:
        return len(self._kept)


def bytes_allowed(used: int = 0) -> int:
    """Bytes that may be kept together, of which so many are: what the environment says, else a part of the free
    memory."""
    said = os.environ.get(BYTES, "").strip()
    if said:
        try:
            return max(0, int(float(said)))
        except (ValueError, OverflowError):
            log.warning("%s is no number of bytes: %r", BYTES, said)
    return (available_bytes(torch.device("cpu")) + used) // SHARE


budget = KeptBudget()
"""That of this process."""
