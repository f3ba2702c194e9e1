"""A chart as a file: the drawing that a browser would make of it, made here.

vl-convert carries Vega and a fixed set of fonts with it, needs no browser, and is told that no address may be read:
what a chart shows stands in the chart.
"""

from __future__ import annotations

from typing import Any

import altair as alt

PIXELS_A_POINT = 2.0
"""Of a picture of pixels, for screens and paper that have more than one."""
AROUND = 8
"""Pixels: the drawing's fonts are a little wider than those that charts are laid out for."""
NOWHERE: list[str] = []


def still_svg(chart: alt.TopLevelMixin) -> str:
    """The chart as SVG on white."""
    # Loading it starts a JavaScript engine.
    import vl_convert

    specification: dict[str, Any] = chart.to_dict()
    specification |= {"background": "white", "padding": AROUND}
    svg: str = vl_convert.vegalite_to_svg(specification, allowed_base_urls=NOWHERE)
    return svg


def png_of_svg(svg: str) -> bytes:
    """The same as pixels."""
    import vl_convert

    png: bytes = vl_convert.svg_to_png(svg, scale=PIXELS_A_POINT)
    return png
