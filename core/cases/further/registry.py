"""Finds every measurement that gives a league further columns: a file that defines one is all it takes."""

from __future__ import annotations

from functools import cache

from ...plugins import discovered
from .base import Column, Further, FurtherColumns


@cache
def further_columns() -> dict[str, FurtherColumns]:
    """Every measurement by its key, in the order of their names. Raises ValueError when two have the same key, or one
    lacks what its page needs."""
    return discovered(__package__, FurtherColumns, ("key", "name"))


def further_of(model: str) -> list[Further]:
    """What other measurements say of the methods on the model with this fingerprint. Raises JournalError where a
    summary cannot be read."""
    every = (measurement.read() for measurement in further_columns().values())
    return [one for one in every if model in one.models]


def columns_of(model: str) -> list[Column]:
    """The columns of `further_of`, in one list."""
    return [column for one in further_of(model) for column in one.columns]
