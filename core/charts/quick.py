"""The specification of layers over each other, written down without a copy and without a look into the schema.

It says what Altair's own says; that is tested for every figure. What is not simple here (a shorthand that has to be
looked up in a table, a part that describes itself) Altair describes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np
from altair.utils import parse_shorthand, update_nested
from altair.vegalite.v6.schema.channels import DatumChannelMixin, FieldChannelMixin, ValueChannelMixin

TYPES = {"Q": "quantitative", "O": "ordinal", "N": "nominal", "T": "temporal"}
PLAIN = (str, int, float, bool, type(None))
HERE = tuple(kind.to_dict for kind in (alt.SchemaBase, FieldChannelMixin, ValueChannelMixin, DatumChannelMixin))
"""What describes parts that are described here; others describe themselves."""


def specification(layers: Sequence[alt.Chart], more: dict[str, Any]) -> dict[str, Any]:
    """Layers and what holds for all of them. Selections stand beside the layers, as Altair puts them."""
    tables: dict[int, Any] = {}
    drawn, params = [], []
    for number, layer in enumerate(layers):
        parts = _given(layer)
        table = parts.pop("data", None)
        for param in parts.pop("params", ()):
            name = parts.setdefault("name", f"view_{number}")
            params.append({**_written(param), "views": [name]})
        if isinstance(parts["mark"], str):
            parts["mark"] = {"type": parts["mark"]}
        described = _written(parts)
        if table is not None:
            described["data"] = tables.setdefault(id(table), _named(table))
        drawn.append(described)
    told = {"$schema": alt.SCHEMA_URL, **_written(more), "layer": drawn}
    if params:
        told["params"] = params
    theme = alt.theme.get()
    return dict(update_nested(theme(), told, copy=True)) if theme is not None and theme() else told


def _named(table: Any) -> Any:
    """Where Streamlit has put a table, which keeps it under the name of what is in it."""
    keep: Callable[[Any], Any] | None = alt.data_transformers.get()
    return table if keep is None else keep(table)


def _written(part: Any) -> Any:
    if isinstance(part, PLAIN):
        return part
    if isinstance(part, dict):
        return {name: _written(one) for name, one in part.items() if one is not alt.Undefined}
    if isinstance(part, (list, tuple)):
        return [_written(one) for one in part]
    if isinstance(part, alt.SchemaBase) and type(part).to_dict in HERE:
        return _schema(part)
    if isinstance(part, np.generic):
        return part.item()
    if isinstance(part, np.ndarray):
        return part.tolist()
    return part.to_dict()


def _given(part: alt.SchemaBase) -> dict[str, Any]:
    """What a part was made with, less what Altair notes for itself."""
    return {name: one for name, one in part._kwds.items() if one is not alt.Undefined and name[0] != "_"}


def _schema(part: alt.SchemaBase) -> Any:
    if part._args:
        return _written(part._args[0])
    parts = _given(part)
    shorthand = parts.pop("shorthand", None)
    described = _field(shorthand) if isinstance(shorthand, str) else {}
    if "type" not in part._kwds:
        # Second ends of boxes have the type of the first.
        described.pop("type", None)
    return {**described, **_written(parts)}


def _field(shorthand: str) -> dict[str, Any]:
    name, _, letter = shorthand.rpartition(":")
    if letter in TYPES and name.isidentifier():
        return {"field": name, "type": TYPES[letter]}
    described: dict[str, Any] = parse_shorthand(shorthand)
    return described
