"""Finds every explainer of this package: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache

from ..plugins import discovered
from .base import Explainer


@cache
def explainers() -> dict[str, Explainer]:
    """Every method by its key, in the order of their names.

    Raises ValueError when two have the same key, or one lacks what its page needs.
    """
    return discovered(__package__, Explainer, ("key", "name", "caveat"))
