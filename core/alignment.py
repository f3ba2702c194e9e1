"""Two answers token under token: the alignment with the fewest edits (Needleman and Wunsch, 1970)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Aligned:
    """One column. Indices into the two token sequences; None where one has nothing to stand there."""

    original: int | None
    other: int | None
    same: bool


def align(original: Sequence[str], other: Sequence[str]) -> tuple[Aligned, ...]:
    """Columns in order, each token of either sequence in exactly one.

    Replacing, adding or leaving out a token costs one edit. Of the alignments with the fewest edits one with the
    most equal tokens is taken; in a run that has become shorter or longer, the gap comes last.
    """
    cost = _costs(original, other)
    columns: list[Aligned] = []
    i = j = 0
    while i < len(original) or j < len(other):
        if i < len(original) and j < len(other) and cost[i][j] == cost[i + 1][j + 1] + _pair(original[i], other[j]):
            columns.append(Aligned(i, j, original[i] == other[j]))
            i, j = i + 1, j + 1
        elif i < len(original) and cost[i][j] == cost[i + 1][j] + _EDIT:
            columns.append(Aligned(i, None, False))
            i += 1
        else:
            columns.append(Aligned(None, j, False))
            j += 1
    return tuple(columns)


# One edit outweighs any number of equal tokens, which only decide between alignments of as many edits.
_EDIT = 1 << 20
_EQUAL = -1


def _pair(one: str, two: str) -> int:
    return _EQUAL if one == two else _EDIT


def _costs(original: Sequence[str], other: Sequence[str]) -> list[list[int]]:
    """`costs[i][j]`: the least that aligning original[i:] with other[j:] costs."""
    costs = [[0] * (len(other) + 1) for _ in range(len(original) + 1)]
    for i in range(len(original), -1, -1):
        for j in range(len(other), -1, -1):
            if i == len(original) and j == len(other):
                continue
            choices = []
            if i < len(original) and j < len(other):
                choices.append(costs[i + 1][j + 1] + _pair(original[i], other[j]))
            if i < len(original):
                choices.append(costs[i + 1][j] + _EDIT)
            if j < len(other):
                choices.append(costs[i][j + 1] + _EDIT)
            costs[i][j] = min(choices)
    return costs
