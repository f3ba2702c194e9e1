"""Keys weighed otherwise in rows of one attention: scores raised before the softmax, weights moved after it.

What edits say in positions (`edits.py`) stands here in rows and keys of one attention, for whoever forms its rows: the
function that attends, the recorder of rows, and attention looked up later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .edits import MovedAttention, RaisedScores, Reweighting


@dataclass(frozen=True, eq=False)
class _Placed:
    """One edit, whose rows are told by a mask and whose keys are those of the attention."""

    edit: Reweighting
    rows: Bool[Tensor, "row"]
    columns: Int[Tensor, "column"]
    receivers: Int[Tensor, "receiver"]
    beside: Int[Tensor, "key"]


@dataclass(frozen=True, eq=False)
class Reweighed:
    """What is done to the rows of one attention of one sequence, whose first query and key stand at these positions."""

    placed: tuple[_Placed, ...]

    @classmethod
    def at(
        cls, edits: Sequence[Reweighting], queries: int, keys: int, query: int, key: int, device: torch.device
    ) -> Reweighed | None:
        """The edits that touch some row and key of an attention of so many queries and keys; None where none does."""

        def columns(positions: Sequence[int]) -> Int[Tensor, "column"]:
            inside = [position - key for position in positions if 0 <= position - key < keys]
            return torch.tensor(inside, dtype=torch.long, device=device)

        placed = []
        for edit in edits:
            rows = torch.zeros(queries, dtype=torch.bool)
            rows[[position - query for position in edit.rows if 0 <= position - query < queries]] = True
            raised = isinstance(edit, RaisedScores)
            own = columns(edit.columns if isinstance(edit, RaisedScores) else edit.sources)
            receivers, beside = (() if raised else edit.receivers), (() if raised else edit.beside)  # type: ignore[union-attr]
            if edit.first_position is not None and bool(rows.any()) and len(own):
                placed.append(_Placed(edit, rows.to(device), own, columns(receivers), columns(beside)))
        return cls(tuple(placed)) if placed else None

    @property
    def rows(self) -> Bool[Tensor, "row"]:
        """The rows that are touched."""
        return torch.stack([one.rows for one in self.placed]).any(0)

    def of(self, rows: Int[Tensor, "row"] | slice) -> Reweighed:
        """The same for some of the rows, in their order."""
        return Reweighed(tuple(replace(one, rows=one.rows[rows]) for one in self.placed))

    def raised(self, scores: Float[Tensor, "heads row key"]) -> Float[Tensor, "heads row key"]:
        """The scores that enter the softmax, before any mask: `s + strength |s|` at the keys that are raised."""
        for one in self.placed:
            if isinstance(one.edit, RaisedScores):
                strength = scores.new_zeros(len(scores), 1, scores.shape[-1])
                strength[..., one.columns] = one.edit.strength
                held = _heads(one.edit, scores)[:, None, None] & one.rows[:, None]
                scores = scores + torch.where(held, strength, 0) * scores.abs()
        return scores

    def moved(self, weights: Float[Tensor, "heads row key"]) -> Float[Tensor, "heads row key"]:
        """The rows after the softmax, with a share of what some keys have given to others."""
        for one in self.placed:
            if isinstance(one.edit, MovedAttention) and len(one.receivers):
                given = weights[..., one.receivers]
                seen = given.sum(-1, keepdim=True)
                both = seen + weights[..., one.beside].sum(-1, keepdim=True)
                takes_part = (seen > 0) & (seen >= one.edit.least_ratio * both) & (both >= one.edit.least_weight)
                takes_part &= _heads(one.edit, weights)[:, None, None] & one.rows[:, None]
                taken = torch.where(takes_part, weights[..., one.columns] * one.edit.taken, 0)
                budget = taken.sum(-1, keepdim=True) / torch.where(takes_part, seen, 1)
                weights = weights.index_add(2, one.columns, -taken).index_add(2, one.receivers, given * budget)
        return weights


def _heads(edit: Reweighting, rows: Float[Tensor, "heads row key"]) -> Bool[Tensor, "heads"]:
    if edit.heads is None:
        return torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    chosen = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    chosen[list(edit.heads)] = True
    return chosen
