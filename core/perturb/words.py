"""Edits of the network in words, for the screen."""

from __future__ import annotations

from collections.abc import Collection

from ..answer import Head
from ..vlm.edits import Edit, Edits, HeadAblation, Knockout, MovedAttention, RaisedScores, StateShift


def edits_in_words(edits: Edits) -> str:
    """What some edits do, all together: "heads 0.1, 2.3 (layer.head, from 0) replaced by nothing"."""
    return ", ".join(map(_in_words, edits)) or "nothing edited"


def heads_in_words(heads: Collection[Head]) -> str:
    """Some heads by layer and number."""
    return f"heads {', '.join(f'{layer}.{head}' for layer, head in heads) or 'none'} (layer.head, from 0)"


def layers_in_words(layers: Collection[int] | None) -> str:
    """Some layers, from 0; None is all."""
    if layers is None:
        return "all layers"
    first, last = min(layers), max(layers)
    if first == last:
        return f"layer {first}"
    together = len(set(layers)) == last - first + 1
    return f"layers {first} to {last}" if together else f"layers {', '.join(map(str, sorted(layers)))}"


def _in_words(edit: Edit) -> str:
    if isinstance(edit, Knockout):
        rows, columns = (_positions(len(positions)) for positions in (edit.rows, edit.columns))
        return f"attention of {rows} to {columns} cut in {_some(edit.layers)}"
    if isinstance(edit, RaisedScores):
        said = f"scores of {_positions(len(edit.columns))} raised by {edit.strength:g} of their size"
        return f"{said} at {_positions(len(edit.rows))} in {_some(edit.layers)}"
    if isinstance(edit, MovedAttention):
        said = f"{edit.taken:.0%} of the attention to {_positions(len(edit.sources))} moved to others"
        return f"{said} at {_positions(len(edit.rows))} in {_some(edit.layers)}"
    if isinstance(edit, HeadAblation):
        return f"{heads_in_words(edit.heads)} replaced by {'nothing' if edit.outputs is None else 'other outputs'}"
    if isinstance(edit, StateShift):
        where = _positions(len(edit.positions)) + (" and all that follow" if edit.onward else "")
        return f"a vector added to the {edit.site.value} of layer {edit.layer} at {where}"
    return f"the {edit.site.value} of layer {edit.layer} replaced at {_positions(len(edit.positions))}"


def _some(layers: Collection[int] | None) -> str:
    return layers_in_words(layers) if layers is None or layers else "no layer"


def _positions(count: int) -> str:
    return "1 position" if count == 1 else f"{count} positions"
