"""Finds every remedy of this package: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache

from ..plugins import discovered
from .base import Remedy


@cache
def remedies() -> dict[str, Remedy]:
    """Every remedy by its key, in the order that they ask for. Raises ValueError when two have the same key, or one
    lacks what its page needs."""
    found: dict[str, Remedy] = discovered(__package__, Remedy, ("key", "name", "caveat"))
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[1].name)))
