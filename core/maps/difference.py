"""One map less another, over the patches of one picture: what another wording or a hidden region changed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..answer import TokenLayout
from ..errors import NotComparable
from .scale import as_shares


def image_positions_of(layout: TokenLayout) -> list[int]:
    """The positions of the image tokens that have a place in the picture, view by view in raster order."""
    return [position for view in layout.views for position in view.positions]


def picture_shares(scores: Float[np.ndarray, "position"], layout: TokenLayout) -> Float[np.ndarray, "position"]:
    """A map as shares of its score on the picture; NaN for everything else."""
    shares = np.full(len(layout), np.nan)
    places = image_positions_of(layout)
    shares[places] = as_shares(scores[places].astype(np.float64))
    return shares


def difference(
    first: Float[np.ndarray, "position"],
    first_layout: TokenLayout,
    second: Float[np.ndarray, "other_position"],
    second_layout: TokenLayout,
    *,
    relative: bool = True,
) -> Float[np.ndarray, "position"]:
    """First map less second, patch by patch, at the positions of the first; NaN at all other positions.

    `relative`: each map as shares of its own sum over the picture first, so that it is told where scores moved to and
    not whether all grew. Words have no counterpart in another phrasing. Raises NotComparable unless both layouts show
    the same rasters of pictures of the same size.
    """
    rasters = [
        [(view.image, view.name, view.rows, view.columns, view.box) for view in layout.views]
        for layout in (first_layout, second_layout)
    ]
    if first_layout.image_sizes != second_layout.image_sizes or rasters[0] != rasters[1]:
        raise NotComparable(
            "These answers are about pictures of different sizes, so their patches are not the same places. Choose "
            "two answers about one picture."
        )
    if not rasters[0]:
        raise NotComparable("These answers have no image tokens with a place in a picture, so there is no map.")
    one = first[image_positions_of(first_layout)].astype(np.float64)
    other = second[image_positions_of(second_layout)].astype(np.float64)
    if relative:
        one, other = as_shares(one), as_shares(other)
    result = np.full(len(first_layout), np.nan)
    result[image_positions_of(first_layout)] = one - other
    return result
