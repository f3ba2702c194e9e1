"""Edits: what may be changed inside a decoder while it reads, as plain values. A model carries them out.

Three kinds, which can be combined freely: an attention knockout takes some keys from some queries, a head ablation
replaces what heads hand to the output projection, a state patch replaces states between or inside the layers.
Positions are those of the whole sequence (prompt, then answer), layers and heads count from 0.
"""

from __future__ import annotations

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


@dataclass(frozen=True, eq=False)
class HeadAblation:
    """The outputs of some heads, at every position, replaced: by nothing (`outputs` None), or by one vector each, such
    as their mean."""

    heads: tuple[Head, ...]
    outputs: Float[Tensor, "head size"] | None = None

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


Edit = Knockout | HeadAblation | StatePatch
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
        positions = (*edit.rows, *edit.columns) if isinstance(edit, Knockout) else edit.positions
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
        case Knockout():
            named = edit.layers or frozenset()
        case HeadAblation():
            named = frozenset(layer for layer, _ in edit.heads)
        case StatePatch():
            named = frozenset({edit.layer})
    if not all(0 <= layer < layers for layer in named):
        raise UnknownName(f"The model has layers 0 to {layers - 1}. Choose among them.")


def first_after_images(answer: Answer) -> int:
    """The first position after the last image token; 0 for a question without images."""
    return max(answer.layout.positions(TokenKind.IMAGE), default=-1) + 1
