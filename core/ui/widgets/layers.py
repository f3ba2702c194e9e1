"""Layers that have no attention, in the words of every page."""

from __future__ import annotations

from collections.abc import Sequence

from ...attention.rows import Rows
from ...charts.heads import NO_ATTENTION
from ...perturb.words import layers_in_words
from ...vlm.model import ModelCard


def layer_name(layer: int, card: ModelCard) -> str:
    """A layer's number, and that it has no attention."""
    return f"{layer}: {NO_ATTENTION}" if layer in card.without_attention else str(layer)


def greyed(without: Sequence[int], kept: bool = True) -> str:
    """A sentence below a map of heads about layers that have none, or whose rows are not `kept`, after a space; nothing
    where all have some."""
    why = "without attention" if kept else "whose rows are not kept"
    return f" Grey: {layers_in_words(without)}, {why}." if without else ""


def no_attention(layer: int, there: Sequence[int]) -> str:
    """A sentence about a chosen layer that has no attention; `there` are those that have."""
    return (
        f"Layer {layer} has no attention, and so no heads: it mixes positions by convolution or recurrence, or not at "
        f"all. Choose one of the layers {', '.join(map(str, there))}."
    )


def without_rows(layer: int, rows: Rows) -> str:
    """The same of a layer whose rows are not at hand, for whatever reason."""
    if layer in rows.kept:
        return no_attention(layer, rows.there)
    there = ", ".join(map(str, rows.there))
    return f"The rows of layer {layer} are not kept. Choose one of the layers {there}, or compute the others."
