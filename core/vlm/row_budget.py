"""How much memory the attention rows of all answers may take together: of those that somebody holds, the rows longest
unused are dropped first."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from weakref import ref

import torch

from ..answer import AttentionRows
from .memory import available_bytes

log = logging.getLogger(__name__)

BYTES = "SIGHTLINE_ATTENTION_BYTES"
"""The environment variable that sets the bytes for the rows of all answers of this process."""

SHARE = 4
"""Without it they have one part in so many of what is free beside them."""


class RowBudget:
    """Bounds the rows of all answers together, for every model, conversation and tab of this process."""

    def __init__(self, limit: Callable[[int], int] | None = None) -> None:
        """`limit` tells how many bytes rows may take that take so many now."""
        self._lock = threading.Lock()
        self._limit = limit or bytes_allowed
        self._kept: dict[int, ref[AttentionRows]] = {}

    def keep(self, rows: AttentionRows) -> None:
        """Count these rows, as the latest used; others are dropped, the longest unused first, until all fit. The latest
        stay, whatever their size."""
        with self._lock:
            self._kept.pop(id(rows), None)
            self._kept[id(rows)] = ref(rows)
            there = {key: known for key, known in ((key, of()) for key, of in self._kept.items()) if known is not None}
            self._kept = {key: ref(known) for key, known in there.items()}
            used = sum(map(_size, there.values()))
            limit = self._limit(used)
            for known in list(there.values())[:-1]:
                if used <= limit:
                    break
                used -= _size(known)
                known.drop()

    @property
    def used(self) -> int:
        """Bytes of all rows that are held."""
        with self._lock:
            return sum(_size(known) for of in self._kept.values() if (known := of()) is not None)


def _size(rows: AttentionRows) -> int:
    held = rows.held
    return 0 if held is None else held.weights.nbytes


def bytes_allowed(used: int = 0) -> int:
    """Bytes that rows may take together, of which so many are taken: what the environment says, else a part of the free
    memory."""
    said = os.environ.get(BYTES, "").strip()
    if said:
        try:
            return max(0, int(float(said)))
        except (ValueError, OverflowError):
            log.warning("%s is no number of bytes: %r", BYTES, said)
    return (available_bytes(torch.device("cpu")) + used) // SHARE


budget = RowBudget()
"""That of this process."""
