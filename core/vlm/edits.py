"""Edits: what may be changed inside a decoder while it reads, as plain values. A model carries them out.

Kinds, which can be combined freely: an attention knockout takes some keys from some queries, raised scores and moved
attention weigh keys otherwise, a head ablation replaces what heads hand to the output projection, a state patch
replaces states between or inside the layers, and a state shift adds to them.
Positions are those of the whole sequence (prompt, then answer), layers and heads count from 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from jaxtyping import Float
from torch import Tensor

from ..answer import Answer, Head, TokenKind
from ..errors import UnknownName


class Site(StrEnum):
    """Where in a layer a state stands: what goes into the layer, what its attention and its MLP hand on (before a norm
    after them, in families that have one), and what comes out of it. INPUT and OUTPUT are the residual stream."""

    INPUT = "input"
    ATTENTION = "attention"
    MLP = "mlp"
    OUTPUT = "output"


@dataclass(frozen=True)
class Knockout:
    """Queries at `rows` may not attend to keys at `columns`, in some layers (None: in all), nor, in layers of
    cross-attention over what is no part of the sequence, to the keys `across`, counted from 0. A position always sees
    itself where it could before; one that is left without any key brings nothing from that attention. Rows that a
    sequence does not have (yet) are ignored.

    Attention knockout of Geva et al. (2023), "Dissecting Recall of Factual Associations in Auto-Regressive Language
    Models", EMNLP, section 3: the scores of these keys become minus infinity, so a row's other weights share theirs.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    layers: frozenset[int] | None = None
    across: tuple[int, ...] = ()

    def holds_in(self, layer: int) -> bool:
        return self.layers is None or layer in self.layers

    @property
    def first_layer(self) -> int | None:
        return 0 if self.layers is None else min(self.layers, default=None)

    @property
    def first_position(self) -> int | None:
        return min(self.rows, default=None) if self.columns or self.across else None


@dataclass(frozen=True)
class RaisedScores:
    """Queries at `rows` weigh the keys at `columns` more, in some layers and heads (None: in all): a score s becomes
    `s + strength |s|` before the softmax, so that the other keys' shares fall. Keys that a query may not see stay
    unseen. A `strength` below 0 weighs them less; 0 changes nothing. Rows that a sequence does not have (yet) are
    ignored.

    Liu et al. (2024), "Paying More Attention to Image: A Training-Free Method for Alleviating Hallucination in LVLMs"
    (PAI), ECCV.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    strength: float
    layers: frozenset[int] | None = None
    heads: frozenset[int] | None = None

    def holds_in(self, layer: int) -> bool:
        return self.layers is None or layer in self.layers

    @property
    def first_layer(self) -> int | None:
        return 0 if self.layers is None else min(self.layers, default=None)

    @property
    def first_position(self) -> int | None:
        return min(self.rows, default=None) if self.columns and self.strength and self.heads != frozenset() else None


@dataclass(frozen=True)
class MovedAttention:
    """Of what queries at `rows` give the keys `sources`, the share `taken` goes to the keys `receivers` instead, after
    the softmax, each in proportion to what it has; in some layers and heads (None: in all). A row keeps its sum. Where
    its receivers have nothing, it stays as it is.

    A head of a row takes part only where it looks at them at all: where the receivers' weights together are at least
    `least_ratio` of those of receivers and `beside` (the sources among image tokens), and both together at least
    `least_weight`.

    Kang et al. (2025), "See What You Are Told: Visual Attention Sink in Large Multimodal Models" (VAR), ICLR.
    """

    rows: tuple[int, ...]
    sources: tuple[int, ...]
    receivers: tuple[int, ...]
    taken: float
    beside: tuple[int, ...] = ()
    least_ratio: float = 0.0
    least_weight: float = 0.0
    layers: frozenset[int] | None = None
    heads: frozenset[int] | None = None

    def holds_in(self, layer: int) -> bool:
        return self.layers is None or layer in self.layers

    @property
    def columns(self) -> tuple[int, ...]:
        return (*self.sources, *self.receivers, *self.beside)

    @property
    def first_layer(self) -> int | None:
        return 0 if self.layers is None else min(self.layers, default=None)

    @property
    def first_position(self) -> int | None:
        moves = self.sources and self.receivers and self.taken and self.heads != frozenset()
        return min(self.rows, default=None) if moves else None


Reweighting = RaisedScores | MovedAttention
"""Edits that weigh keys otherwise."""


@dataclass(frozen=True, eq=False)
class HeadAblation:
    """The outputs of some heads, at every position, replaced: by nothing (`outputs` None), or by one vector each, such
    as their mean; or by one for each row of the checkpointed pass that is run on under them."""

    heads: tuple[Head, ...]
    outputs: Float[Tensor, "head *row size"] | None = None

    @property
    def first_layer(self) -> int | None:
        return min((layer for layer, _ in self.heads), default=None)

    @property
    def first_position(self) -> int | None:
        return 0 if self.heads else None


@dataclass(frozen=True, eq=False)
class StatePatch:
    """The states at some positions of one layer, replaced by those given, one for each position."""

    site: Site
    layer: int
    positions: tuple[int, ...]
    states: Float[Tensor, "position hidden"]

    @property
    def first_layer(self) -> int | None:
        return self.layer if self.positions else None

    @property
    def first_position(self) -> int | None:
        return min(self.positions, default=None)


@dataclass(frozen=True, eq=False)
class StateShift:
    """One vector added to the states at some positions of one layer, after whatever replaces them there; with `onward`
    also at every position after the last of those, also of what is being written.

    Activation addition (Turner et al. 2023, "Steering Language Models With Activation Engineering", section 3)."""

    site: Site
    layer: int
    positions: tuple[int, ...]
    vector: Float[Tensor, "hidden"]
    onward: bool = False

    @property
    def first_layer(self) -> int | None:
        return self.layer if self.positions else None

    @property
    def first_position(self) -> int | None:
        return min(self.positions, default=None)


Edit = Knockout | RaisedScores | MovedAttention | HeadAblation | StatePatch | StateShift
Edits = tuple[Edit, ...]
"""What is done to one sequence at once."""


def first_layer(edits: Iterable[Edit], layers: int) -> int:
    """The first layer that some edit touches; `layers`, the number of them, where none does."""
    return min((edit.first_layer for edit in edits if edit.first_layer is not None), default=layers)


def first_position(edits: Iterable[Edit], length: int) -> int:
    """The first position whose states some edit may change; `length` where none does."""
    return min((edit.first_position for edit in edits if edit.first_position is not None), default=length)


def check_edits(
    edits: Iterable[Edit], layers: int, heads: int, length: int | None = None, keys: int | None = None
) -> None:
    """Raises UnknownName for a layer or head that the model does not have, and for a position outside a sequence of
    `length`, or of `keys` across (any that is not negative where there is none yet); ValueError for edits that lack a
    part."""
    for edit in edits:
        _check_layers(edit, layers)
        if isinstance(edit, HeadAblation):
            if not all(0 <= head < heads for _, head in edit.heads):
                raise UnknownName(f"The model has heads 0 to {heads - 1}. Choose among them.")
            if edit.outputs is not None and len(edit.outputs) != len(edit.heads):
                raise ValueError("A head ablation needs one output for each head.")
            continue
        positions = edit.positions if isinstance(edit, StatePatch | StateShift) else (*edit.rows, *edit.columns)
        if isinstance(edit, RaisedScores | MovedAttention):
            _check_reweighting(edit, heads)
        if isinstance(edit, Knockout) and not all(key >= 0 and (keys is None or key < keys) for key in edit.across):
            last = "" if keys is None else f" to {keys - 1}"
            raise UnknownName(f"An edit names a key of cross-attention that is not there; there are 0{last}.")
        if not all(position >= 0 and (length is None or position < length) for position in positions):
            last = "" if length is None else f" to {length - 1}"
            raise UnknownName(f"An edit names a position outside the sequence, which has 0{last}. Choose among them.")
        if isinstance(edit, StatePatch) and len(edit.states) != len(edit.positions):
            raise ValueError("A state patch needs one state for each position.")


def _check_layers(edit: Edit, layers: int) -> None:
    match edit:
        case Knockout() | RaisedScores() | MovedAttention():
            named = edit.layers or frozenset()
        case HeadAblation():
            named = frozenset(layer for layer, _ in edit.heads)
        case StatePatch() | StateShift():
            named = frozenset({edit.layer})
    if not all(0 <= layer < layers for layer in named):
        raise UnknownName(f"The model has layers 0 to {layers - 1}. Choose among them.")


def _check_reweighting(edit: Reweighting, heads: int) -> None:
    if not all(0 <= head < heads for head in edit.heads or ()):
        raise UnknownName(f"The model has heads 0 to {heads - 1}. Choose among them.")
    if isinstance(edit, RaisedScores):
        if not math.isfinite(edit.strength):
            raise ValueError("Scores are raised by a finite strength.")
        return
    if not 0 <= edit.taken <= 1:
        raise ValueError("The share of attention that is moved lies between 0 and 1.")
    if set(edit.sources) & set(edit.receivers):
        raise ValueError("Attention is moved from some keys to others, and none of them can be both.")


def first_after_images(answer: Answer) -> int:
    """The first position after the last image token; 0 for a question without images."""
    return max(answer.layout.positions(TokenKind.IMAGE), default=-1) + 1
