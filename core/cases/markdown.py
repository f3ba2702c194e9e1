"""Rows of Markdown tables, and how an estimate stands in one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..statistics.estimate import Estimate


def table_row(cells: Sequence[str]) -> str:
    """One row."""
    return f"| {' | '.join(cells)} |"


def table_head(cells: Sequence[str]) -> list[str]:
    """The header and the line below it: the first column is of words, the others of numbers."""
    return [table_row(cells), table_row(("---", *["---:"] * (len(cells) - 1)))]


def number(value: float, digits: str) -> str:
    """A number; nothing for none."""
    return "" if math.isnan(value) else format(value, digits)


def ends(one: Estimate, digits: str) -> str:
    """An estimate with the ends of its interval; nothing for none."""
    return "" if math.isnan(one.value) else f"{one.value:{digits}} ({one.low:{digits}} to {one.high:{digits}})"
