"""Finds every mechanism of this package: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache

from ..plugins import discovered
from .base import Mechanism


@cache
def mechanisms() -> dict[str, Mechanism]:
    """Every mechanism by its key, in the order in which their page lists them.

    Raises ValueError when two have the same key, or one lacks what its page needs.
    """
    known: dict[str, Mechanism] = discovered(__package__, Mechanism, ("key", "name", "caveat"))
    return dict(sorted(known.items(), key=lambda item: (item[1].order, item[1].name)))
