"""Small figures for pages that stand alone: SVG that needs neither a script nor anything from elsewhere.

Built as elements, so that no label can be markup; they belong inside an HTML page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from jaxtyping import Float

from ..statistics.estimate import Estimate
from .palette import CATEGORIES, CHOSEN, INK_ON_LIGHT, NEUTRAL

ROW = 24
LABELS = 260
PLOT = 320
FIGURES = 170
SIDE = 260
MARGIN = 44
"""Pixels: a row of an interval figure, its labels, plot and figures; the side of a curve figure, and its margin."""


@dataclass(frozen=True)
class Row:
    """One row: a share with its interval; NaN leaves the row empty."""

    label: str
    estimate: Estimate


@dataclass(frozen=True, eq=False)
class Line:
    """One curve. `dashed` marks controls."""

    label: str
    x: Float[np.ndarray, "point"]
    y: Float[np.ndarray, "point"]
    dashed: bool = False


def svg_intervals(rows: Sequence[Row]) -> Element:
    """Shares of 1, a row for each: a dot at the value and a line over its interval."""
    height = ROW * (len(rows) + 1)
    root = _svg(LABELS + PLOT + FIGURES, height)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LABELS + PLOT * tick
        SubElement(root, "line", _line(x, 0, x, height - ROW, NEUTRAL, 0.35))
        _text(root, x, height - 6, f"{tick:.0%}", "middle")
    for index, row in enumerate(rows):
        y = ROW * (index + 0.5)
        _text(root, LABELS - 12, y + 4, row.label, "end")
        share = row.estimate
        if not math.isfinite(share.value):
            _text(root, LABELS + PLOT + 12, y + 4, "none")
            continue
        low, high = (LABELS + PLOT * min(max(end, 0.0), 1.0) for end in (share.low, share.high))
        SubElement(root, "line", {**_line(low, y, high, y, CHOSEN), "stroke-width": "3"})
        at = {"cx": f"{LABELS + PLOT * share.value:.1f}", "cy": f"{y:.1f}", "r": "5", "fill": CHOSEN}
        SubElement(root, "circle", at)
        _text(root, LABELS + PLOT + 12, y + 4, f"{share.value:.1%}  ({share.low:.1%} to {share.high:.1%})")
    return root


def svg_lines(lines: Sequence[Line], x_title: str, y_title: str) -> Element:
    """Curves over shares of 1 on both axes, with their names beside them. NaN interrupts a curve."""
    root = _svg(2 * MARGIN + SIDE + FIGURES, 2 * MARGIN + SIDE)
    for tick in (0.0, 0.5, 1.0):
        x, y = _place(tick, tick)
        SubElement(root, "line", _line(MARGIN, y, MARGIN + SIDE, y, NEUTRAL, 0.35))
        SubElement(root, "line", _line(x, MARGIN, x, MARGIN + SIDE, NEUTRAL, 0.35))
        _text(root, x, MARGIN + SIDE + 16, f"{tick:.0%}", "middle")
        _text(root, MARGIN - 6, y + 4, f"{tick:g}", "end")
    _text(root, MARGIN + SIDE / 2, MARGIN + SIDE + 34, x_title, "middle")
    _text(root, MARGIN, MARGIN - 14, y_title)
    for index, line in enumerate(lines):
        look = {"fill": "none", "stroke": CATEGORIES[index % len(CATEGORIES)], "stroke-width": "2"}
        if line.dashed:
            look["stroke-dasharray"] = "5 4"
        SubElement(root, "path", {"d": _path(line), **look})
        y = MARGIN + 12 + 20 * index
        SubElement(root, "path", {"d": f"M{MARGIN + SIDE + 16} {y - 4}h22", **look})
        _text(root, MARGIN + SIDE + 46, y, line.label)
    return root


def _path(line: Line) -> str:
    drawn, pen = [], "M"
    for x, y in zip(line.x, line.y, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        left, top = _place(float(x), float(y))
        drawn.append(f"{pen}{left:.1f} {top:.1f}")
        pen = "L"
    return "".join(drawn) or "M0 0"


def _place(x: float, y: float) -> tuple[float, float]:
    return MARGIN + SIDE * x, MARGIN + SIDE * (1 - min(max(y, 0.0), 1.0))


def _svg(width: float, height: float) -> Element:
    size = {"width": f"{width:g}", "height": f"{height:g}", "viewBox": f"0 0 {width:g} {height:g}"}
    return Element("svg", {**size, "role": "img", "font-family": "sans-serif", "font-size": "12"})


def _line(x1: float, y1: float, x2: float, y2: float, color: str, opacity: float = 1.0) -> dict[str, str]:
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return {**{name: f"{end:.1f}" for name, end in ends.items()}, "stroke": color, "stroke-opacity": f"{opacity:g}"}


def _text(root: Element, x: float, y: float, text: str, anchor: str = "start") -> None:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "fill": INK_ON_LIGHT}
    SubElement(root, "text", place).text = text
