"""Softmax rows of some queries, with positions left out of them.

Rows of a large model are hundreds of megabytes in half precision, so they are turned into float32 a layer at a time,
and not all of them may be there: those that are not kept are computed again by a replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Head, HeldRows

NOTHING_LEFT = 1e-6
"""A row with less weight than this outside the positions left out says nothing about the others."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of recorded attention: `queries` are indices into the third axis of `weights`.

    Positions in `left_out` count as if they could not be looked at: their weight is 0 and the rest of each row is
    divided by its sum. Rows with nothing left are NaN.

    Where only some of the decoder's layers have rows here, `numbers` are these layers and `of` is how many there are;
    rows of the others are NaN.
    """

    weights: Float[Tensor, "kept heads query position"]
    queries: tuple[int, ...]
    left_out: tuple[int, ...] = ()
    numbers: tuple[int, ...] | None = None
    of: int | None = None

    @property
    def layers(self) -> int:
        return self.weights.shape[0] if self.of is None else self.of

    @property
    def heads(self) -> int:
        return self.weights.shape[1]

    @property
    def kept(self) -> tuple[int, ...]:
        """The layers whose rows would be here, had they attention."""
        return tuple(range(self.layers)) if self.numbers is None else self.numbers

    @property
    def without(self) -> tuple[int, ...]:
        """The layers whose rows are not here: they have no attention, or theirs is not kept."""
        here = self.there
        return tuple(layer for layer in range(self.layers) if layer not in here)

    @property
    def there(self) -> tuple[int, ...]:
        """The layers whose rows are here."""
        return tuple(
            layer for place, layer in enumerate(self.kept) if not bool(self.weights[place, 0, 0].isnan().any())
        )

    @property
    def positions(self) -> int:
        return self.weights.shape[3]

    def layer(self, index: int) -> Float[np.ndarray, "heads query position"]:
        """All heads of one layer, in float32."""
        if index not in self.kept:
            shape = (self.heads, len(self.queries), self.positions)
            return np.broadcast_to(np.float32(np.nan), shape)
        return self._renormalised(self.weights[self.kept.index(index)][:, list(self.queries)])

    def head(self, head: Head) -> Float[np.ndarray, "query position"]:
        """One head, in float32."""
        if head[0] not in self.kept:
            return np.broadcast_to(np.float32(np.nan), (len(self.queries), self.positions))
        return self._renormalised(self.weights[self.kept.index(head[0]), head[1]][list(self.queries)])

    def all_layers(self) -> Iterator[Float[np.ndarray, "heads query position"]]:
        for index in range(self.layers):
            yield self.layer(index)

    def mean(self) -> Float[np.ndarray, "query position"]:
        """The mean over all layers and heads (rows with nothing left do not count)."""
        return nanmean(np.stack([nanmean(rows, 0) for rows in self.all_layers()]), 0)

    def looks(self, head: Head | None) -> Float[np.ndarray, "query position"]:
        """The rows of one head, or the mean over all."""
        return self.mean() if head is None else self.head(head)

    def _renormalised(self, rows: Float[Tensor, "*row position"]) -> Float[np.ndarray, "*row position"]:
        values: Float[np.ndarray, "*row position"] = rows.detach().to("cpu", torch.float32).numpy()
        if not self.left_out:
            return values
        values = values.copy()
        values[..., list(self.left_out)] = 0
        rest = values.sum(-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(rest > NOTHING_LEFT, values / rest, np.nan).astype(np.float32)


def answer_rows(answer: Answer, tokens: Sequence[int], left_out: Sequence[int] = ()) -> Rows:
    """The rows that predicted some of an answer's tokens. Raises ValueError where they are not kept."""
    held = None if answer.attention is None else answer.attention.held
    if held is None:
        raise ValueError("no attention is kept with this answer")
    return rows_among(held, tokens, left_out)


def rows_among(held: HeldRows, tokens: Sequence[int], left_out: Sequence[int] = ()) -> Rows:
    """The rows of some of the tokens that rows are held of. Raises ValueError where they are of others."""
    places = held.places(tokens)
    if places is None:
        raise ValueError("rows are held of other tokens")
    return Rows(held.weights, places, tuple(left_out), None if held.every_layer else held.layers, held.number)


def nanmean(values: Float[np.ndarray, "*axes"], axis: int) -> Float[np.ndarray, "*rest"]:
    """The mean of what is known; NaN, without a warning, where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis)
    total = np.where(known, values, 0).sum(axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Float[np.ndarray, "*rest"] = np.where(count > 0, total / count, np.nan)
    return mean
