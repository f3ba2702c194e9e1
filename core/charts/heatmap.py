"""A score for every patch, laid over the picture: as a chart to hover and click (as plain pixels: `heat_images`).

Scores come by sequence position and boxes from the layout, so any raster will do. A picture that the model sees in
several views which overlap (tiles and a thumbnail) is drawn once for each set of views that do not, the panels in one
chart, so that hovering and clicking work alike in all of them.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import altair as alt
import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8
from PIL import Image

from ..answer import Box, PatchView, TokenLayout
from ..geometry import never_seen
from .figure import figure
from .many import MANY, Ground, compact, ground_layers
from .outlines import outline_layers
from .palette import DIVERGING, INK_ON_DARK, INK_ON_LIGHT, NEUTRAL, PICKED, SEQUENTIAL_RAMP, VEIL, ramp
from .pixels import Pixels

SIDE = 400
"""Longest side, in pixels, of a picture as it is sent to the browser, where it is not drawn larger."""
GAP = 12
OPACITY = 0.6
Drawing = Literal["over", "lines", "beside"]
"""How a map and its picture stand together: colours over it, lines round the patches that have most (nothing is over
the picture then), or the picture on the left and beside it once more, under the colours."""
TITLE = 90
"""Pixels that the title of a colour bar may take."""
SMALL = 1e-3
"""Below this, numbers are written with an exponent."""
NOT_LOOKED_AT = "not looked at"
NEVER_SEEN = "never seen by the model"


@dataclass(frozen=True)
class Scale:
    """What the ends of the colours mean. A signed scale is centred on zero, so low == -high."""

    low: float
    high: float
    signed: bool = False

    @property
    def colors(self) -> tuple[str, ...]:
        return DIVERGING if self.signed else SEQUENTIAL_RAMP

    def share(self, values: Float[np.ndarray, "*place"]) -> Float[np.ndarray, "*place"]:
        """Where values lie between the ends, 0 to 1."""
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)

    def altair(self) -> alt.Scale:
        ends = np.linspace(self.low, self.high, len(self.colors))
        return alt.Scale(domain=ends.tolist(), range=list(self.colors), clamp=True)


def scale_of(*values: Float[np.ndarray, "*place"], signed: bool = False, faintest: float = 0.0) -> Scale:
    """One scale for all `values` (NaN left out), from zero, or the least where it is below, to the greatest; when
    signed, as far below zero as above, and at least to `faintest`, so that rounding errors are not drawn in full
    colours. Never empty."""
    known = np.concatenate([np.asarray(part, dtype=float).ravel() for part in values] or [np.zeros(0)])
    known = known[np.isfinite(known)]
    if signed:
        most = float(np.abs(known).max(initial=faintest)) or 1.0
        return Scale(-most, most, signed=True)
    high = float(known.max(initial=0.0))
    low = min(0.0, float(known.min(initial=0.0)))
    return Scale(low, high if high > low else low + 1.0)


@dataclass(frozen=True)
class Panel:
    """A picture with views over it that do not overlap. `box` is what is shown: the picture, and what views have
    beyond it, in its pixels."""

    image: int
    views: tuple[PatchView, ...]
    box: Box

    @property
    def name(self) -> str:
        return self.views[0].name if len(self.views) == 1 else f"{len(self.views)} tiles"


def panels(layout: TokenLayout, images: Collection[int] | None = None) -> tuple[Panel, ...]:
    """The panels of some images (all by default), in the order of their views. Each view is in exactly one, over the
    first of its frames that is shown."""
    groups: list[tuple[int, list[PatchView]]] = []
    for view in layout.views:
        shown = next((image for image in view.images if images is None or image in images), None)
        if shown is None:
            continue
        for image, views in groups:
            if image == shown and not any(_overlap(view.box, other.box) for other in views):
                views.append(view)
                break
        else:
            groups.append((shown, [view]))
    return tuple(Panel(image, tuple(views), _around(layout.image_sizes[image], views)) for image, views in groups)


def _overlap(one: Box, other: Box) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    # Neighbouring tiles may share a sliver, for their edges are rounded to pixels.
    return width > 1 and height > 1


def _around(size: tuple[int, int], views: Sequence[PatchView]) -> Box:
    boxes = [(0.0, 0.0, float(size[0]), float(size[1])), *(view.box for view in views)]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


@dataclass(frozen=True)
class Place:
    """Where a panel stands in a figure: pixels of the figure = (pixels of the picture - origin) * scale + offset."""

    panel: Panel
    left: float
    top: float
    width: float
    height: float

    def across(self, box: Box) -> Box:
        """A box of the picture in pixels of the figure."""
        scale = self.width / (self.panel.box[2] - self.panel.box[0])
        x, y = self.panel.box[:2]
        left, top, right, bottom = box
        return (
            self.left + (left - x) * scale,
            self.top + (top - y) * scale,
            self.left + (right - x) * scale,
            self.top + (bottom - y) * scale,
        )


def places(shown: Sequence[Panel], size: int) -> tuple[list[Place], int, int]:
    """The panels, each with its longer side at `size` pixels, and the figure's width and height: beside each other as
    far as they fit into `size`, the others below, so that no figure is wider than the column it was made for."""
    result: list[Place] = []
    left = top = below = 0.0
    for panel in shown:
        width, height = panel.box[2] - panel.box[0], panel.box[3] - panel.box[1]
        scale = size / max(width, height)
        wide, high = max(1.0, width * scale), max(1.0, height * scale)
        if left and left + wide > size:
            left, top = 0.0, below + GAP
        result.append(Place(panel, left, top, wide, high))
        left, below = left + wide + GAP, max(below, top + high)
    across = max((place.left + place.width for place in result), default=1.0)
    return result, max(1, round(across)), max(1, round(below))


def patch_table(
    spots: Sequence[Place], values: Float[np.ndarray, "position"], selected: Collection[int] = ()
) -> pd.DataFrame:
    """A row for each patch: its box in pixels of the figure, its place in its view counted from 1, its score, and
    its share of the sum of all patches' scores (of their absolute values, where some are negative)."""
    parts = []
    for spot in spots:
        for view in spot.panel.views:
            left, top, right, bottom = spot.across(view.box)
            row, column = np.divmod(np.arange(len(view.positions)), view.columns)
            xs = left + (right - left) * np.arange(view.columns + 1) / view.columns
            ys = top + (bottom - top) * np.arange(view.rows + 1) / view.rows
            box = {"x": xs[column], "x2": xs[column + 1], "y": ys[row], "y2": ys[row + 1]}
            named = {"position": view.positions, "view": view.name, "row": row + 1, "column": column + 1}
            parts.append(pd.DataFrame({**named, **box}))
    table = pd.concat(parts, ignore_index=True)
    table["value"] = np.asarray(values, dtype=float)[table["position"].to_numpy(dtype=int)]
    total = float(np.nansum(np.abs(table["value"])))
    table["share"] = table["value"] / total if total else 0.0
    table["picked"] = table["position"].isin(list(selected))
    return table


def heatmap(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    values: Float[np.ndarray, "position"],
    *,
    size: int = SIDE,
    scale: Scale | None = None,
    opacity: float = OPACITY,
    selected: Collection[int] = (),
    only: Collection[int] | None = None,
    click: str | None = None,
    label: str = "score",
    format: str = ".4f",
    zoom: bool = False,
    drawing: Drawing = "over",
    legend: Literal["right", "bottom"] = "right",
) -> alt.LayerChart:
    """The images of a layout with every patch coloured by `values` at its position (NaN: not looked at).

    `size` is each panel's longer side in pixels; without a `scale` the figure has its own. Patches at `selected`
    positions are outlined. `only` names the images to show. With `click`, clicks toggle patches in a selection of that
    name whose entries have a "position". `label` and `format` are what hovering says the value is. With `zoom` it can
    be enlarged and moved. More than `MANY` patches are drawn as one image, on a canvas. `drawing` is how map and
    picture stand together, and `legend` on which side what the colours mean is told.
    Raises ValueError where `values` is not of the layout's length or no patch has a place.
    """
    shown = panels_of(layout, values, only)
    spots, width, height = places(shown, size)
    bare: list[Place] = []
    if drawing == "beside":
        bare, each, height = places(shown, max(1, (size - GAP) // 2))
        spots, width = [replace(spot, left=spot.left + each + GAP) for spot in bare], 2 * each + GAP
    table = patch_table(spots, values, selected)
    scale = scale or scale_of(table["value"].to_numpy())
    pixels = Pixels(width, height)
    box = pixels.box
    places_told = [alt.Tooltip("row:Q"), alt.Tooltip("column:Q")]
    if len(layout.views) > 1:
        places_told.insert(0, alt.Tooltip("view:N"))
    many = len(table) > MANY
    if many:
        table = compact(table if len(layout.views) > 1 else table.drop(columns="view"))
    known = alt.Chart(table[table["value"].notna()].reset_index(drop=True))
    color = alt.Color(
        "value:Q",
        scale=scale.altair(),
        legend=alt.Legend(
            title=label,
            titleLimit=TITLE,
            **_ticks(scale),
            gradientLength=min(160, height if legend == "right" else width),
            gradientThickness=10,
            orient=legend,
        ),
    )
    tooltip = [
        *places_told,
        alt.Tooltip("value:Q", title=label, format=format),
        alt.Tooltip("share:Q", title="share of all patches", format=".2%"),
    ]
    cursor: Literal["pointer", "default"] = "pointer" if click else "default"
    layers = pictures(images, layout, [*bare, *spots], pixels)
    if drawing == "lines":
        rasters = [(spot.across(view.box), view) for spot in spots for view in spot.panel.views]
        layers += outline_layers(rasters, values, max(scale.high, -scale.low), pixels)
        if not many:
            felt = known.mark_rect(fillOpacity=0, strokeOpacity=0, cursor=cursor)
            layers.append(felt.encode(**box, tooltip=tooltip))
    elif many:
        layers += ground_layers(_grounds(spots, np.asarray(values, dtype=float), scale, opacity), pixels, color)
    else:
        heat = known.mark_rect(opacity=opacity, stroke=None, cursor=cursor)
        layers.append(heat.encode(**box, color=color, tooltip=tooltip))
    missing = table[table["value"].isna()].assign(state=NOT_LOOKED_AT).reset_index(drop=True)
    if len(missing):
        layers.append(
            alt.Chart(missing)
            .mark_rect(fill=NEUTRAL, fillOpacity=0.15, stroke=NEUTRAL, strokeDash=[2, 3], strokeWidth=1)
            .encode(**box, tooltip=[*places_told, alt.Tooltip("state:N", title=label)])
        )
    if table["picked"].any():
        layers.append(
            alt.Chart(table[table["picked"]])
            .mark_rect(fillOpacity=0, stroke=PICKED, strokeWidth=2.5, tooltip=None, cursor="pointer")
            .encode(**box)
        )
    if len(spots) > 1:
        names = pd.DataFrame(
            [{"x": spot.left + 5, "y": spot.top + 11, "name": _panel_name(spot.panel, layout)} for spot in spots]
        )
        base = alt.Chart(names).encode(x=pixels.x("x"), y=pixels.y("y"), text=alt.Text("name:N"))
        # Once with a dark rim and once without, so that names are legible on any picture.
        rim = base.mark_text(
            align="left", fontWeight="bold", tooltip=None, stroke=INK_ON_LIGHT, strokeWidth=3, strokeOpacity=0.7
        )
        layers += [rim, base.mark_text(align="left", fontWeight="bold", tooltip=None, color=INK_ON_DARK)]
    if click or many:
        # A layer of its own on top, so that a click on an outline is a click on its patch.
        top = known.mark_rect(fillOpacity=0, strokeOpacity=0, cursor=cursor).encode(**box, tooltip=tooltip)
        if click:
            toggle = alt.selection_point(name=click, fields=["position"], on="click", toggle="true", empty=False)
            top = top.add_params(toggle).properties(name=click)
        layers.append(top)
    return figure(layers, width, height, canvas=many, zoom=zoom)


def _ticks(scale: Scale) -> dict[str, Any]:
    """How the numbers beside a bar of colours are written: among thousands of patches each has little, and zeros would
    not have room."""
    if max(scale.high, -scale.low) >= SMALL:
        return {"format": ".2~g"}
    return {"labelExpr": "datum.value ? format(datum.value, '.1~e') : '0'"}


def _grounds(
    spots: Sequence[Place], values: Float[np.ndarray, "position"], scale: Scale, opacity: float
) -> list[Ground]:
    """The colours of every view; patches not looked at let the picture through."""
    return [
        (spot.across(view.box), tints(view, values[list(view.positions)], scale, opacity))
        for spot in spots
        for view in spot.panel.views
    ]


def tints(
    view: PatchView, values: Float[np.ndarray, "patch"], scale: Scale, opacity: float
) -> UInt8[np.ndarray, "rows columns 4"]:
    """Colour and opacity of each patch of a view; those not looked at (NaN) let everything through."""
    colors = ramp(scale.colors, scale.share(np.nan_to_num(values))).round().astype(np.uint8)
    cover = np.where(np.isfinite(values), round(255 * opacity), 0).astype(np.uint8)
    return np.concatenate([colors, cover[:, None]], axis=1).reshape(view.rows, view.columns, 4)


def _panel_name(panel: Panel, layout: TokenLayout) -> str:
    return panel.name if len(layout.image_sizes) == 1 else f"picture {panel.image + 1}, {panel.name}"


def panels_of(
    layout: TokenLayout, values: Float[np.ndarray, "position"], only: Collection[int] | None
) -> tuple[Panel, ...]:
    """The panels that a map is drawn on. Raises ValueError where `values` is not of the layout's length or no patch has
    a place."""
    if values.shape != (len(layout),):
        raise ValueError(f"one value for each of {len(layout)} positions is needed, not {values.shape}")
    shown = panels(layout, only)
    if not shown:
        raise ValueError("no image token has a place in a picture")
    return shown


def pictures(
    images: Sequence[Image.Image], layout: TokenLayout, spots: Sequence[Place], pixels: Pixels
) -> list[alt.Chart]:
    """The layers under whatever is drawn over pictures: each panel's picture, and a veil over what the model never sees
    of it, which says so."""
    backdrop = alt.Chart(pd.DataFrame([backdrop_row(images, spot) for spot in spots]))
    layers = [backdrop.mark_image(aspect=False, tooltip=None).encode(**pixels.box, url=alt.Url("url:N"))]
    unseen = [box for spot in spots for box in unseen_boxes(layout, spot)]
    if unseen:
        table = pd.DataFrame(
            [{**dict(zip(("x", "y", "x2", "y2"), box, strict=True)), "state": NEVER_SEEN} for box in unseen]
        )
        veil = alt.Chart(table).mark_rect(fill=NEUTRAL, fillOpacity=VEIL, strokeOpacity=0)
        layers.append(veil.encode(**pixels.box, tooltip=[alt.Tooltip("state:N", title="this part is")]))
    return layers


def unseen_boxes(layout: TokenLayout, spot: Place) -> list[Box]:
    """What of a panel's picture the model never sees, in pixels of the figure; no slivers thinner than a pixel."""
    boxes = (spot.across(box) for box in never_seen(layout, spot.panel.image))
    return [box for box in boxes if box[2] - box[0] >= 1 and box[3] - box[1] >= 1]


def backdrop_row(images: Sequence[Image.Image], spot: Place) -> dict[str, object]:
    """A panel's picture for a table of images: its edges in pixels of the figure, and its address as data."""
    image = images[spot.panel.image]
    left, top, right, bottom = spot.across((0, 0, image.width, image.height))
    side = max(SIDE, round(max(spot.width, spot.height)))
    return {"x": left, "x2": right, "y": top, "y2": bottom, "url": data_url(image, side)}


def data_url(image: Image.Image, side: int = SIDE) -> str:
    """The picture as a JPEG in a data address, its longer side at most `side` pixels."""
    return _data_url(image.tobytes(), image.mode, image.size, side)


@lru_cache(maxsize=32)
def _data_url(pixels: bytes, mode: str, size: tuple[int, int], side: int) -> str:
    shown = Image.frombytes(mode, size, pixels).convert("RGB")
    shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    shown.save(data, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
