"""A picture as a model sees it: the grid of its image tokens over the whole of it, and each view as the vision tower
gets it."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
from PIL import Image, ImageDraw

from ..answer import PatchView, TokenLayout
from ..geometry import never_seen, seen_boxes
from .figure import figure
from .heatmap import panels, patch_table, pictures, places
from .overlays import draw_veil, fit
from .palette import NEUTRAL, PATCH_RGB, rgba
from .pixels import Pixels

GRID = rgba(PATCH_RGB, 0.85)


def seen_chart(images: Sequence[Image.Image], layout: TokenLayout, image: int, size: int) -> alt.LayerChart:
    """One picture with a cell for each of its image tokens, and a veil over what no token holds. Views that overlap
    stand apart. Hovering names a cell. Raises ValueError where no image token of it has a place."""
    shown = panels(layout, (image,))
    if not shown:
        raise ValueError("no image token has a place in a picture")
    spots, width, height = places(shown, size)
    table = patch_table(spots, np.zeros(len(layout)))
    pixels = Pixels(width, height)
    cells = (
        alt.Chart(table)
        .mark_rect(fillOpacity=0, stroke=GRID, strokeWidth=0.7)
        .encode(**pixels.box, tooltip=[alt.Tooltip("view:N"), alt.Tooltip("row:Q"), alt.Tooltip("column:Q")])
    )
    return figure([*pictures(images, layout, spots, pixels), cells], width, height)


def view_image(image: Image.Image, view: PatchView, side: int) -> Image.Image:
    """What a view holds of a picture, in the shape and as coarse as the vision tower gets it, its longer side drawn at
    `side` pixels; what it has beyond the picture is grey. Lines part the image tokens."""
    given = view.resized or fit((view.columns * 16, view.rows * 16), side)
    left, top, right, bottom = view.box
    across, down = given[0] / (right - left), given[1] / (bottom - top)
    held = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    canvas = Image.new("RGB", given, NEUTRAL)
    if held[0] < held[2] and held[1] < held[3]:
        corner = round((held[0] - left) * across), round((held[1] - top) * down)
        size = max(1, round((held[2] - held[0]) * across)), max(1, round((held[3] - held[1]) * down))
        canvas.paste(image.convert("RGB").resize(size, Image.Resampling.BICUBIC, box=held), corner)
    shown = canvas.resize(fit(given, side), Image.Resampling.NEAREST)
    lines = Image.new("L", shown.size)
    pen = ImageDraw.Draw(lines)
    for column in range(1, view.columns):
        x = round(column * shown.width / view.columns)
        pen.line((x, 0, x, shown.height), fill=150)
    for row in range(1, view.rows):
        y = round(row * shown.height / view.rows)
        pen.line((0, y, shown.width, y), fill=150)
    shown.paste(Image.new("RGB", shown.size, PATCH_RGB), mask=lines)
    return shown


def seen_part(image: Image.Image, layout: TokenLayout, number: int) -> Image.Image:
    """A picture without its rim that the model never sees: what the views hold of it, with a veil over any gaps between
    them. The whole of it where the views are not known."""
    boxes = seen_boxes(layout, number)
    if not boxes:
        return image
    edges = np.array(boxes)
    left, top = np.floor(edges[:, :2].min(0)).astype(int).tolist()
    right, bottom = np.ceil(edges[:, 2:].max(0)).astype(int).tolist()
    shown = image.copy()
    draw_veil(shown, never_seen(layout, number))
    return shown.crop((left, top, right, bottom))
