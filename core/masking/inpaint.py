"""Hidden pixels painted over from what is seen around them: the smoothest surface that meets it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

Pixels = UInt8[np.ndarray, "height width 3"]

LONGEST = 96
"""Cells along the longer side at most. The surface has no detail that more of them would show, and the time to find it
grows faster than their number."""
MARGIN = 2
"""Cells that the equation of a cell reaches."""


def inpainted(pixels: Pixels, hidden: Bool[np.ndarray, "height width"]) -> Pixels:
    """A whole picture whose hidden pixels are the biharmonic surface over the visible ones (scikit-image's
    `inpaint_biharmonic`, after Damelin and Hoang 2018): its second differences of second differences are zero.

    It is found on a grid of cells, at most `LONGEST` along the longer side: a cell's colour is the mean of its visible
    pixels, and a cell without any is unknown. Beyond the edges the colour of the nearest visible cell goes on. So
    nothing of a hidden pixel is used. Where all are hidden they are the mean colour of the picture; outside the hidden
    pixels the result means nothing.
    """
    from skimage.restoration import inpaint_biharmonic

    if hidden.all():
        mean = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
        return np.broadcast_to(mean, pixels.shape)
    height, width = hidden.shape
    cell = -(-max(height, width) // LONGEST)
    colours, unknown = _cells(pixels, hidden, cell)
    if not unknown.any():
        surface = colours
    else:
        # Unknown cells on the edge of a picture are not safe there: their equations are fewer than it makes room for,
        # and what is left of that room is read as it lies in memory.
        around, margin = _with_margin(colours, unknown), slice(MARGIN, -MARGIN)
        found = inpaint_biharmonic(around, np.pad(unknown, MARGIN), channel_axis=-1)
        surface = found[margin, margin]
    small = Image.fromarray(np.rint(255 * surface.clip(0, 1)).astype(np.uint8))
    rows, columns = unknown.shape
    large = small.resize((columns * cell, rows * cell), Image.Resampling.BILINEAR) if cell > 1 else small
    return np.asarray(large)[:height, :width]


def _cells(
    pixels: Pixels, hidden: Bool[np.ndarray, "height width"], cell: int
) -> tuple[Float[np.ndarray, "rows columns 3"], Bool[np.ndarray, "rows columns"]]:
    """The mean colour (0 to 1) of each cell's visible pixels, and which cells have none."""
    height, width = hidden.shape
    over = ((0, -height % cell), (0, -width % cell))
    seen = np.pad(~hidden, over).astype(np.float64)
    light = np.pad(pixels / 255.0, (*over, (0, 0))) * seen[..., None]
    rows, columns = (side // cell for side in seen.shape)
    counts = seen.reshape(rows, cell, columns, cell).sum(axis=(1, 3))
    sums = light.reshape(rows, cell, columns, cell, 3).sum(axis=(1, 3))
    return sums / np.maximum(counts, 1)[..., None], counts == 0


def _with_margin(
    colours: Float[np.ndarray, "rows columns 3"], unknown: Bool[np.ndarray, "rows columns"]
) -> Float[np.ndarray, "high wide 3"]:
    """The cells with `MARGIN` more on every side, each of the colour of the nearest visible one."""
    from scipy.ndimage import distance_transform_edt

    wide = np.pad(colours, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
    missing = np.pad(unknown, MARGIN, constant_values=True)
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    margin = np.ones(missing.shape, dtype=bool)
    margin[MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    filled = wide[tuple(nearest)]
    return np.where(margin[..., None], filled, wide)
