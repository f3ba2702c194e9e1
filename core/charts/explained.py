"""An explanation on the picture: the patches of a set stay bright, coloured by their distance from the target."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import altair as alt
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from ..answer import PatchView, TokenLayout
from .figure import figure
from .heat_images import corners, picture_ground
from .heatmap import panels, patch_table, pictures, places, unseen_boxes
from .many import MANY, ground_layers
from .overlays import draw_veil
from .palette import INK_ON_DARK, INK_ON_LIGHT, NEUTRAL, PICKED, rgb
from .pixels import Pixels

NEAR_TO_FAR = ("#fde725", "#44bf70", "#21918c", "#414487")
"""Viridis from its bright end: distance 1, 2, 3, and 4 or more."""
VEIL = 0.55
"""How far what explains nothing is darkened."""


def distance_name(distance: int) -> str:
    """A distance as the legend has it."""
    return f"distance {distance}" if distance < len(NEAR_TO_FAR) else f"distance {len(NEAR_TO_FAR)} or more"


def explained_image(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    distances: Mapping[int, int],
    radius: int,
    *,
    others: Collection[int] = (),
    size: int = 340,
    picked: int | None = None,
    only: Collection[int] | None = None,
    click: str | None = None,
) -> alt.LayerChart:
    """The picture, dark but for the patches whose distance (by sequence position) is at most `radius`.

    `others` are the positions of further nodes of the graph, dashed. With `click`, clicks on nodes toggle them in a
    selection of that name whose entries have a "position". Raises ValueError where no patch has a place.
    """
    shown = panels(layout, only)
    if not shown:
        raise ValueError("no image token has a place in a picture")
    spots, width, height = places(shown, size)
    table = patch_table(spots, np.zeros(len(layout)))
    table["distance"] = [distances.get(int(position), 0) for position in table["position"]]
    inside = table["distance"].between(1, radius)
    table["name"] = [distance_name(max(1, distance)) for distance in table["distance"]]
    table["state"] = [
        name if near else "in the graph, not in the explanation"
        for name, near in zip(table["name"], inside, strict=True)
    ]
    further = ~inside & table["position"].isin([*others, *distances])
    pixels = Pixels(width, height)
    box = pixels.box
    tooltip = [alt.Tooltip("row:Q"), alt.Tooltip("column:Q"), alt.Tooltip("state:N", title="explanation")]
    marks = pictures(images, layout, spots, pixels)
    many = len(table) > MANY
    if many:
        bright = set(table["position"][inside])
        veils = [(spot.across(view.box), _veil(view, bright)) for spot in spots for view in spot.panel.views]
        marks += ground_layers(veils, pixels)
    else:
        dark = alt.Chart(table[~inside])
        marks.append(dark.mark_rect(fill=INK_ON_LIGHT, fillOpacity=VEIL, strokeOpacity=0, tooltip=None).encode(**box))
    if further.any():
        dashed = alt.Chart(table[further])
        marks.append(
            dashed.mark_rect(
                fillOpacity=0, stroke=INK_ON_DARK, strokeDash=[2, 3], strokeWidth=1, strokeOpacity=0.8
            ).encode(**box)
        )
    if inside.any():
        names = sorted(set(table["name"][inside]))
        colors = alt.Scale(domain=names, range=[NEAR_TO_FAR[int(name.split()[1]) - 1] for name in names])
        legend = alt.Legend(title=None, orient="bottom", symbolType="square", symbolStrokeWidth=3)
        near = alt.Chart(table[inside]).mark_rect(fillOpacity=0, strokeWidth=2.5)
        marks.append(near.encode(**box, stroke=alt.Stroke("name:N", scale=colors, legend=legend)))
    if picked is not None and (table["position"] == picked).any():
        chosen = alt.Chart(table[table["position"] == picked])
        marks.append(chosen.mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=4).encode(**box))
    nodes = alt.Chart(table[inside | further])
    top = nodes.mark_rect(fillOpacity=0, cursor="pointer" if click else "default").encode(**box, tooltip=tooltip)
    if click:
        toggle = alt.selection_point(name=click, fields=["position"], on="click", toggle="true", empty=False)
        top = top.add_params(toggle)
    marks.append(top)
    return figure(marks, width, height, canvas=many)


def _veil(view: PatchView, bright: Collection[int]) -> UInt8[np.ndarray, "rows columns 4"]:
    """Dark over all patches of a view but those at `bright` positions."""
    veil = np.zeros((view.rows, view.columns, 4), np.uint8)
    veil[..., :3] = rgb(INK_ON_LIGHT)
    covered = [position not in bright for position in view.positions]
    veil[..., 3] = np.where(np.reshape(covered, (view.rows, view.columns)), round(255 * VEIL), 0)
    return veil


def explained_thumbnail(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    distances: Mapping[int, int],
    radius: int,
    *,
    size: int = 120,
    only: Collection[int] | None = None,
) -> Image.Image:
    """The same as pixels and small: bright patches, outlined in the colour of their distance.

    Raises ValueError where no patch has a place.
    """
    (drawn,) = explained_thumbnails(images, layout, [(distances, radius)], size=size, only=only)
    return drawn


def explained_thumbnails(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    explanations: Sequence[tuple[Mapping[int, int], int]],
    *,
    size: int = 120,
    only: Collection[int] | None = None,
) -> list[Image.Image]:
    """The same of several explanations, each by its distances and its radius, over the same pictures, which are made
    small once for all of them."""
    shown = panels(layout, only)
    if not shown:
        raise ValueError("no image token has a place in a picture")
    spots, width, height = places(shown, size)
    bright = picture_ground(images, spots, width, height, NEUTRAL)
    dark = Image.blend(bright, Image.new("RGB", bright.size, INK_ON_LIGHT), VEIL)
    for spot in spots:
        draw_veil(dark, unseen_boxes(layout, spot))
    boxes = {
        position: (spot, view, index)
        for spot in spots
        for view in spot.panel.views
        for index, position in enumerate(view.positions)
    }
    drawn = []
    for distances, radius in explanations:
        result = dark.copy()
        pen = ImageDraw.Draw(result)
        for position, distance in distances.items():
            if position not in boxes or not 1 <= distance <= radius:
                continue
            spot, view, index = boxes[position]
            left, top, right, bottom = corners(spot.across(view.patch_box(index)))
            result.paste(bright.crop((left, top, right, bottom)), (left, top))
            color = NEAR_TO_FAR[min(distance, len(NEAR_TO_FAR)) - 1]
            pen.rectangle((left, top, right - 1, bottom - 1), outline=rgb(color))
        drawn.append(result)
    return drawn
