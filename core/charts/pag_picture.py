"""A causal graph as a PNG: the page of `pag.py` drawn without a browser, with its legend and what it is of."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from ..causal.explanation import NodeExplanation
from ..causal.pag import Mark, Pag
from .drawn import MEANINGS, THUMBNAIL, DrawnNode, edge_kind, shortened
from .palette import CAUSAL_EDGES, CHOSEN, INK_ON_DARK, INK_ON_LIGHT, NEUTRAL, PAPER
from .radial import radial

FINE = 2
"""Drawn so many times larger and then made smaller, for smooth lines."""
MARGIN, LINE, LEAST = 48, 20, 560
Point = tuple[float, float]


def pag_png(
    graph: Pag,
    explanation: NodeExplanation,
    nodes: Sequence[DrawnNode],
    notes: Sequence[str],
    *,
    radius: int | None = None,
    record: str = "",
) -> bytes:
    """The graph on white with rings, patches, words and all edge marks; under it the legend and `notes`.

    `record` goes into the file as its "Description". Raises ValueError where nodes and graph do not fit.
    """
    if len(nodes) != graph.size or explanation.others + 1 != graph.size:
        raise ValueError("there is one drawn node for each node of the graph")
    layout = radial(explanation, radius)
    side = max(LEAST, math.ceil(2 * (layout.reach + THUMBNAIL + MARGIN)))
    lines = [part for note in notes for part in textwrap.wrap(note, side // 7)]
    height = side + LINE * (len(MEANINGS) + len(lines) + 1) + MARGIN
    canvas = Image.new("RGB", (side * FINE, height * FINE), "white")
    pen = ImageDraw.Draw(canvas)
    place = {node: ((x + side / 2) * FINE, (y + side / 2) * FINE) for node, (x, y) in layout.places.items()}
    centre = side / 2 * FINE
    for ring in (*layout.rings, *((layout.outer,) if layout.outer is not None else ())):
        reach = ring * FINE
        pen.ellipse((centre - reach, centre - reach, centre + reach, centre + reach), outline="#dde2e6", width=FINE)
    tree = {frozenset(pair) for pair in explanation.parents.items()}
    # The strong edges last, on top of the faint ones.
    for edge in sorted(graph.edges(), key=lambda edge: frozenset((edge.a, edge.b)) in tree):
        strong = frozenset((edge.a, edge.b)) in tree and not {edge.a, edge.b} & set(layout.outside)
        color = CAUSAL_EDGES[edge_kind(edge)]
        _edge(pen, place[edge.a], place[edge.b], (edge.mark_a, edge.mark_b), color if strong else _faint(color), strong)
    font = ImageFont.load_default(12 * FINE)
    for number, node in enumerate(nodes):
        _node(canvas, pen, font, place[number], node, number == explanation.target)
    y = side * FINE
    for kind, meaning in MEANINGS.items():
        color = CAUSAL_EDGES[kind]
        left, right = _marks(kind)
        _edge(
            pen, (MARGIN * FINE, y + 8 * FINE), ((MARGIN + 56) * FINE, y + 8 * FINE), (left, right), color, True, gap=6
        )
        pen.text(((MARGIN + 72) * FINE, y), meaning, fill=INK_ON_LIGHT, font=font)
        y += LINE * FINE
    for line in ("", *lines):
        pen.text((MARGIN * FINE, y), line, fill=INK_ON_LIGHT, font=font)
        y += LINE * FINE
    about = PngInfo()
    about.add_itxt("Title", notes[0] if notes else "Causal graph")
    about.add_itxt("Description", record)
    out = io.BytesIO()
    canvas.resize((side, height), Image.Resampling.LANCZOS).save(out, "PNG", pnginfo=about)
    return out.getvalue()


def _marks(kind: str) -> tuple[Mark, Mark]:
    return Mark.ARROW if kind[0] == "<" else Mark(kind[0]), Mark(kind[-1])


def _faint(color: str) -> str:
    parts = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(255 - 0.35 * (255 - part)):02x}" for part in parts)


def _edge(
    pen: ImageDraw.ImageDraw,
    a: Point,
    b: Point,
    marks: tuple[Mark, Mark],
    color: str,
    strong: bool,
    gap: float = THUMBNAIL * 0.62,
) -> None:
    """A line between the rims of two nodes, with the mark at each end."""
    length = math.dist(a, b) or 1.0
    across, down = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    away = min(gap * FINE, length / 3)
    ends = (
        (a[0] + across * away, a[1] + down * away, -across, -down),
        (b[0] - across * away, b[1] - down * away, across, down),
    )
    pen.line((*ends[0][:2], *ends[1][:2]), fill=color, width=(3 if strong else 1) * FINE // 2 + 1)
    for mark, (x, y, right, below) in zip(marks, ends, strict=True):
        if mark is Mark.CIRCLE:
            r = 4.5 * FINE
            pen.ellipse((x - r, y - r, x + r, y + r), fill="white", outline=color, width=2 * FINE)
        elif mark is Mark.ARROW:
            long, wide = 10 * FINE, 5 * FINE
            back = (x - right * long, y - below * long)
            tip = (x + right * FINE, y + below * FINE)
            corners = [
                tip,
                (back[0] - below * wide, back[1] + right * wide),
                (back[0] + below * wide, back[1] - right * wide),
            ]
            pen.polygon(corners, fill=color)


def _node(
    canvas: Image.Image,
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    place: Point,
    node: DrawnNode,
    target: bool,
) -> None:
    x, y = place
    label = shortened(node.label)
    if node.image is not None:
        size = THUMBNAIL * FINE
        corner = (round(x - size / 2), round(y - size / 2))
        canvas.paste(node.image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC), corner)
        pen.rectangle((*corner, corner[0] + size - 1, corner[1] + size - 1), outline=NEUTRAL, width=FINE)
        pen.text((x, y + size / 2 + 8 * FINE), label, fill=INK_ON_LIGHT, font=font, anchor="mm")
        return
    left, top, right, bottom = pen.textbbox((x, y), label, font=font, anchor="mm")
    rim = 6 * FINE
    box = (left - rim, top - rim, right + rim, bottom + rim)
    pen.rounded_rectangle(box, 4 * FINE, fill=CHOSEN if target else PAPER, outline=CHOSEN if target else NEUTRAL)
    pen.text((x, y), label, fill=INK_ON_DARK if target else INK_ON_LIGHT, font=font, anchor="mm")
