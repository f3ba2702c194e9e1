"""Maps over a picture as plain pixels, for small multiples and downloads: the figure of `heatmap` without a chart."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from ..answer import Box, PatchView, TokenLayout
from .heatmap import OPACITY, SIDE, Place, Scale, panels_of, places, scale_of, tints, unseen_boxes
from .overlays import draw_veil
from .palette import NEUTRAL, rgb


def heat_image(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    values: Float[np.ndarray, "position"],
    *,
    size: int = SIDE,
    scale: Scale | None = None,
    opacity: float = OPACITY,
    only: Collection[int] | None = None,
) -> Image.Image:
    """What `heatmap` draws, as pixels. Patches not looked at are crossed out. Raises what `heatmap` raises."""
    scales = None if scale is None else [scale]
    (drawn,) = heat_images(images, layout, [values], size=size, scales=scales, opacity=opacity, only=only)
    return drawn


def heat_images(
    images: Sequence[Image.Image],
    layout: TokenLayout,
    maps: Sequence[Float[np.ndarray, "position"]],
    *,
    size: int = SIDE,
    scales: Sequence[Scale] | None = None,
    opacity: float = OPACITY,
    only: Collection[int] | None = None,
) -> list[Image.Image]:
    """The same of several maps over the same pictures, which are made small once for all of them. Without `scales`
    each map has its own."""
    shown = [panels_of(layout, values, only) for values in maps]
    if not shown:
        return []
    spots, width, height = places(shown[0], size)
    ground = picture_ground(images, spots, width, height)
    for spot in spots:
        draw_veil(ground, unseen_boxes(layout, spot))
    views = [(spot, view) for spot in spots for view in spot.panel.views]
    drawn = []
    for number, values in enumerate(maps):
        scores = [np.asarray(values, dtype=float)[list(view.positions)] for _, view in views]
        own = scale_of(*scores) if scales is None else scales[number]
        result = ground.copy()
        for (spot, view), known in zip(views, scores, strict=True):
            _tint(result, spot, view, known, own, opacity)
        for (spot, view), known in zip(views, scores, strict=True):
            _cross_out(result, spot, view, known)
        drawn.append(result)
    return drawn


def picture_ground(
    images: Sequence[Image.Image], spots: Sequence[Place], width: int, height: int, between: str = "white"
) -> Image.Image:
    """The pictures of some panels where they stand in a figure of that size, in pixels, and a colour `between` them."""
    ground = Image.new("RGB", (width, height), between)
    for spot in spots:
        image = images[spot.panel.image]
        left, top, right, bottom = corners(spot.across((0, 0, image.width, image.height)))
        small = image.convert("RGB").resize((right - left, bottom - top), Image.Resampling.BILINEAR)
        ground.paste(small, (left, top))
    return ground


def corners(box: Box) -> tuple[int, int, int, int]:
    """A box in whole pixels, right and bottom exclusive, at least one pixel wide and high."""
    left, top = round(box[0]), round(box[1])
    return left, top, max(left + 1, round(box[2])), max(top + 1, round(box[3]))


def _tint(
    canvas: Image.Image,
    spot: Place,
    view: PatchView,
    values: Float[np.ndarray, "patch"],
    scale: Scale,
    opacity: float,
) -> None:
    """Lay a view's colours over what it covers; patches not looked at keep the picture."""
    left, top, right, bottom = corners(spot.across(view.box))
    tinted = Image.fromarray(tints(view, values, scale, opacity), "RGBA")
    shown = tinted.resize((right - left, bottom - top), Image.Resampling.NEAREST)
    canvas.paste(shown.convert("RGB"), (left, top), shown.getchannel("A"))


def _cross_out(canvas: Image.Image, spot: Place, view: PatchView, values: Float[np.ndarray, "patch"]) -> None:
    pen = ImageDraw.Draw(canvas)
    for index in np.flatnonzero(~np.isfinite(values)).tolist():
        left, top, right, bottom = corners(spot.across(view.patch_box(index)))
        pen.line((left, top, right - 1, bottom - 1), fill=rgb(NEUTRAL))
