"""A heat map to take away: as SVG with a titled rectangle for every patch, and as PNG; both say what they show."""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from ..answer import TokenLayout
from .heat_images import heat_image
from .heatmap import (
    NEVER_SEEN,
    NOT_LOOKED_AT,
    Panel,
    Scale,
    data_url,
    panels,
    patch_table,
    places,
    unseen_boxes,
)
from .palette import INK_ON_LIGHT, NEUTRAL, VEIL, ramp

SIDE = 640
LINE = 18
MARGIN = 16
BAR = 160
"""Pixels: a panel's longer side, a line of text, the figure's margin, and the length of the colour bar."""


@dataclass(frozen=True)
class Legend:
    """What stands under an exported map: a title, further lines, and the whole record as JSON, which goes into the
    file without being drawn."""

    title: str
    notes: tuple[str, ...]
    record: str

    def lines(self, width: int) -> list[str]:
        """Title and notes, wrapped to a figure of `width` pixels."""
        letters = max(20, width // 7)
        return [part for line in (self.title, *self.notes) for part in textwrap.wrap(_drawable(line), letters)]


def _drawable(text: str) -> str:
    """Text without characters that XML forbids or that act on the text around them."""
    return "".join("·" if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Cn") else letter for letter in text)


def svg_map(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    opacity: float,
    legend: Legend,
    only: Collection[int] | None = None,
) -> str:
    """The pictures of a layout, or `only` some of them, with a rectangle for each patch, whose <title> says its place
    and score.

    Raises ValueError where no patch has a place.
    """
    spots, width, height = places(_panels(layout, only), SIDE)
    table = patch_table(spots, values)
    lines = legend.lines(width)
    full_height = height + 3 * MARGIN + LINE * (len(lines) + 1)
    view = f"{-MARGIN} {-MARGIN} {width + 2 * MARGIN} {full_height}"
    size = {"width": str(width + 2 * MARGIN), "height": str(full_height)}
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": view, **size})
    ElementTree.SubElement(root, "title").text = _drawable(legend.title)
    ElementTree.SubElement(root, "metadata").text = legend.record
    page = {"x": str(-MARGIN), "y": str(-MARGIN), **size, "fill": "#ffffff"}
    ElementTree.SubElement(root, "rect", page)
    for spot in spots:
        image = images[spot.panel.image]
        place = _rectangle(*spot.across((0, 0, image.width, image.height)))
        ElementTree.SubElement(
            root, "image", {**place, "preserveAspectRatio": "none", "href": data_url(image, 2 * SIDE)}
        )
        for box in unseen_boxes(layout, spot):
            veil = ElementTree.SubElement(
                root, "rect", {**_rectangle(*box), "fill": NEUTRAL, "fill-opacity": f"{VEIL:g}"}
            )
            ElementTree.SubElement(veil, "title").text = NEVER_SEEN
    patches = ElementTree.SubElement(root, "g", {"fill-opacity": f"{opacity:g}", "shape-rendering": "crispEdges"})
    for row, color in zip(table.itertuples(), _hex(scale, table["value"].to_numpy()), strict=True):
        known = np.isfinite(row.value)
        look = {"fill": color} if known else {"fill": "none", "stroke": NEUTRAL, "stroke-dasharray": "2 3"}
        patch = ElementTree.SubElement(patches, "rect", {**_rectangle(row.x, row.y, row.x2, row.y2), **look})
        said = f"{row.value:.6g} ({row.share:.2%} of all patches)" if known else NOT_LOOKED_AT
        ElementTree.SubElement(patch, "title").text = f"{row.view}, row {row.row}, column {row.column}: {said}"
    _svg_legend(root, scale, lines, height)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


def _svg_legend(root: ElementTree.Element, scale: Scale, lines: Sequence[str], top: int) -> None:
    gradient = ElementTree.SubElement(ElementTree.SubElement(root, "defs"), "linearGradient", {"id": "scale"})
    for index, color in enumerate(scale.colors):
        offset = f"{index / (len(scale.colors) - 1):.4f}"
        ElementTree.SubElement(gradient, "stop", {"offset": offset, "stop-color": color})
    low, high = _ends(scale)
    style = {"font-family": "sans-serif", "font-size": "13", "fill": INK_ON_LIGHT}
    y = top + MARGIN
    ElementTree.SubElement(root, "text", {"x": "0", "y": str(y + 11), **style}).text = low
    bar = {"x": "70", "y": str(y), "width": str(BAR), "height": "12", "fill": "url(#scale)"}
    ElementTree.SubElement(root, "rect", bar)
    ElementTree.SubElement(root, "text", {"x": str(78 + BAR), "y": str(y + 11), **style}).text = high
    for index, line in enumerate(lines, 1):
        weight = {"font-weight": "bold"} if index == 1 else {}
        place = {"x": "0", "y": str(y + 11 + LINE * index), **style, **weight}
        ElementTree.SubElement(root, "text", place).text = line


def png_map(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    values: Float[np.ndarray, "position"],
    scale: Scale,
    opacity: float,
    legend: Legend,
    only: Collection[int] | None = None,
) -> bytes:
    """The same as pixels; the record is in the file's "Description".

    Raises ValueError where no patch has a place.
    """
    heat = heat_image(images, layout, values, size=SIDE, scale=scale, opacity=opacity, only=only)
    lines = legend.lines(heat.width)
    size = (heat.width + 2 * MARGIN, heat.height + 3 * MARGIN + LINE * (len(lines) + 1))
    canvas = Image.new("RGB", size, "white")
    canvas.paste(heat, (MARGIN, MARGIN))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    y = heat.height + 2 * MARGIN
    bar = ramp(scale.colors, np.tile(np.linspace(0, 1, BAR), (12, 1))).round().astype(np.uint8)
    canvas.paste(Image.fromarray(bar), (MARGIN + 70, y))
    low, high = _ends(scale)
    pen.text((MARGIN, y - 2), low, fill=INK_ON_LIGHT, font=font)
    pen.text((MARGIN + 78 + BAR, y - 2), high, fill=INK_ON_LIGHT, font=font)
    for index, line in enumerate(lines, 1):
        pen.text((MARGIN, y - 2 + LINE * index), line, fill=INK_ON_LIGHT, font=font)
    about = PngInfo()
    about.add_itxt("Title", legend.title)
    about.add_itxt("Description", legend.record)
    out = io.BytesIO()
    canvas.save(out, "PNG", pnginfo=about)
    return out.getvalue()


def _panels(layout: TokenLayout, only: Collection[int] | None) -> tuple[Panel, ...]:
    shown = panels(layout, only)
    if not shown:
        raise ValueError("no image token has a place in a picture")
    return shown


def _ends(scale: Scale) -> tuple[str, str]:
    return f"{scale.low:.3g}", f"{scale.high:.3g}"


def _hex(scale: Scale, values: Float[np.ndarray, "patch"]) -> list[str]:
    colors = ramp(scale.colors, scale.share(np.nan_to_num(values))).round().astype(int)
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colors]


def _rectangle(left: float, top: float, right: float, bottom: float) -> dict[str, str]:
    edges = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {name: f"{value:.2f}" for name, value in edges.items()}
