"""Pictures of many patches: what lies over them is one image, and the table for hovering and clicks has few bytes.

A mark for each of 2,784 patches with its box and its words in it takes megabytes on the way to the browser, and an
element of the page each. So the colours are pixels, one a patch, that the browser enlarges; over them lie boxes that
are only felt, on a canvas, of numbers as short as they can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import UInt8
from PIL import Image

from ..answer import Box
from .pixels import Pixels
from .urls import png_url

MANY = 400
"""Patches from which on they are not marks of their own."""

Ground = tuple[Box, UInt8[np.ndarray, "rows columns 4"]]
"""Where a raster lies, in pixels of the figure, and the colour and opacity of each of its patches."""


def ground_layers(grounds: Sequence[Ground], pixels: Pixels, color: alt.Color | None = None) -> list[alt.Chart]:
    """The colours of rasters: an image each, of a pixel for every patch. With `color`, whose field is "value", and
    nothing to be seen but the legend of what these colours mean."""
    rows = [
        {**dict(zip(("x", "y", "x2", "y2"), box, strict=True)), "url": png_url(Image.fromarray(colors, "RGBA"))}
        for box, colors in grounds
    ]
    images = alt.Chart(pd.DataFrame(rows)).mark_image(aspect=False, smooth=False, tooltip=None)
    layers = [images.encode(**pixels.box, url=alt.Url("url:N"))]
    if color is not None:
        opacity = float(max(colors[..., 3].max() for _, colors in grounds)) / 255
        key = alt.Chart(pd.DataFrame({"value": [0.0]})).mark_rect(opacity=opacity, strokeOpacity=0, tooltip=None)
        nowhere = {"x": alt.XValue(0), "x2": alt.X2Value(0), "y": alt.YValue(0), "y2": alt.Y2Value(0)}
        layers.append(key.encode(**nowhere, color=color))
    return layers


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """The table with numbers of few bytes, whole ones below 32,768 in two and others in four, and without row labels,
    which would be sent as well."""
    small: dict[str, type[np.generic]] = {}
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_bool_dtype(column):
            continue
        if pd.api.types.is_integer_dtype(column):
            small[name] = np.int16 if column.abs().max() < 2**15 else np.int32
        elif pd.api.types.is_float_dtype(column):
            small[name] = np.float32
    return table.astype(small).reset_index(drop=True)
