"""A layered figure that is quick to draw again.

Altair checks every part of a chart against the Vega-Lite schema when it is made and again when it is drawn, and copies
all layers several times to put them together, which takes most of the time between a click and the new picture. These
figures are checked where `to_dict` is told to (tests do), and otherwise not; and for a page they are written down as
they are (`quick.py`), without a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
from altair.utils import schemapi

from .quick import specification

schemapi.disable_debug_mode()

CANVAS = {"embedOptions": {"renderer": "canvas"}}
ON_PAGES = ("to_arrow_dataset",)
"""What takes tables out of figures where Streamlit draws them."""
ZOOM = "zoom"
"""The name of what is shown of a figure that can be enlarged."""


class Figure(alt.LayerChart):
    """Layers of one size; its specification is only checked on demand."""

    def __init__(self, layer: Sequence[alt.Chart] = (), **more: Any) -> None:
        # What Altair's own layers do here are copies, which only `to_dict` needs.
        alt.TopLevelLayerSpec.__init__(self, layer=list(layer), **more)

    def to_dict(self, validate: bool = False, **options: Any) -> dict[str, Any]:
        """The specification. Raises SchemaValidationError where `validate` finds a mistake."""
        parts = {name: part for name, part in self._kwds.items() if part is not alt.Undefined}
        if validate or options or alt.data_transformers.active not in ON_PAGES:
            return alt.LayerChart(**parts).to_dict(validate=validate, **options)
        return specification(parts.pop("layer"), parts)


class Beside(alt.HConcatChart):
    """Figures side by side; the specification is only checked on demand."""

    def to_dict(self, validate: bool = False, **options: Any) -> dict[str, Any]:
        """The specification. Raises SchemaValidationError where `validate` finds a mistake."""
        return super().to_dict(validate=validate, **options)


def figure(
    layers: Sequence[alt.Chart],
    width: float,
    height: float,
    *,
    canvas: bool = False,
    zoom: bool = False,
    title: alt.Title | None = None,
) -> Figure:
    """Layers over each other, of a fixed size in pixels, so that a picture and what lies over it stay together.

    On a `canvas` they are no elements of the page: for marks by the thousand. With `zoom` the wheel enlarges what is
    under the pointer, dragging moves it, and a double click brings back the whole.
    """
    layers = list(layers)
    if zoom:
        layers[-1] = layers[-1].add_params(alt.selection_interval(name=ZOOM, bind="scales"))
    # All at once: what is added later copies the whole figure.
    more: dict[str, Any] = {**({"usermeta": CANVAS} if canvas else {}), **({"title": title} if title else {})}
    return Figure(layer=layers, width=width, height=height, autosize="pad", padding=0, **more)


def either(condition: str, yes: str, no: str) -> alt.ColorValue:
    """One colour where an expression holds and another elsewhere. What `alt.condition` gives says the same, and is
    looked up in the whole schema, each time it is used."""
    return alt.ColorValue(no, condition={"test": condition, "value": yes})
