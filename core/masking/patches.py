"""Between pixels and image tokens: which patches a mask covers, and growing a mask to whole patches.

A patch counts as covered when more than a share of its pixels is hidden. Pixels belong to the patch their
centre lies in, and a patch between pixel centres (of pictures smaller than the grid) has the pixel it lies in;
what a patch has outside the picture (families that pad) counts for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from jaxtyping import Bool, Int, Shaped

from ..answer import Box, PatchView, TokenLayout
from ..errors import WrongMask

COVERED_SHARE = 0.05


def patch_coverage(hidden: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0) -> dict[int, float]:
    """For each image token of a picture, by sequence position, the share of its pixels that is hidden.

    Image tokens without a pixel of the picture are left out. Raises ValueError when `hidden` is not of the
    picture's height and width.
    """
    _check(hidden, layout, image)
    coverage: dict[int, float] = {}
    for view in _views(layout, image):
        for index, position in enumerate(view.positions):
            box = view.patch_box(index)
            pixels = hidden[_pixels(box, hidden.shape)]
            if not pixels.size:
                pixels = hidden[_pixel_around(box, hidden.shape)]
            if pixels.size:
                coverage[position] = float(pixels.mean())
    return coverage


def marked_centres(marked: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0) -> frozenset[int]:
    """The sequence positions of the image tokens whose patch has its centre on a marked pixel. Raises as
    `patch_coverage` does."""
    _check(marked, layout, image)
    return frozenset(
        position
        for view in _views(layout, image)
        for index, position in enumerate(view.positions)
        if marked[_pixel_around(view.patch_box(index), marked.shape)].any()
    )


def segments_under(
    labels: Int[np.ndarray, "height width"], layout: TokenLayout, image: int = 0
) -> dict[int, dict[int, float]]:
    """For each label of a picture's pixels, by sequence position, the share of an image token's pixels that has it:
    what `patch_coverage` says of each label's own mask, where it is above 0. Raises as that does."""
    _check(labels, layout, image)
    shares: dict[int, dict[int, float]] = {int(label): {} for label in np.unique(labels)}
    for view in _views(layout, image):
        for index, position in enumerate(view.positions):
            box = view.patch_box(index)
            pixels = labels[_pixels(box, labels.shape)]
            if not pixels.size:
                pixels = labels[_pixel_around(box, labels.shape)]
            for label, count in zip(*np.unique(pixels, return_counts=True), strict=True):
                shares[int(label)][position] = float(count / pixels.size)
    return shares


def covered_patches(
    hidden: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0, share: float = COVERED_SHARE
) -> tuple[int, ...]:
    """The sequence positions of the image tokens of which more than `share` is hidden, in order."""
    coverage = patch_coverage(hidden, layout, image)
    return tuple(sorted(position for position, covered in coverage.items() if covered > share))


def snap_to_patches(
    hidden: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0, share: float = COVERED_SHARE
) -> Bool[np.ndarray, "height width"]:
    """The mask as whole patches: every covered patch hidden to its edge, and nothing of any other.

    Where a family sees a picture in several views (tiles and a thumbnail), the finest view that has covered
    patches decides, for the coarser ones overlap it. Pixels that no patch holds stay as they were.
    """
    _check(hidden, layout, image)
    snapped = hidden.copy()
    for view in finest_views(layout, image):
        for index in range(len(view.positions)):
            pixels = _pixels(view.patch_box(index), hidden.shape)
            if hidden[pixels].size:
                snapped[pixels] = hidden[pixels].mean() > share
    return snapped


def pixels_of(positions: Collection[int], layout: TokenLayout, image: int = 0) -> Bool[np.ndarray, "height width"]:
    """The pixels of some image tokens of a picture: the mask that hides just these. Other positions have none."""
    if not 0 <= image < len(layout.image_sizes):
        raise ValueError(f"there is no image {image}: the question has {len(layout.image_sizes)}")
    width, height = layout.image_sizes[image]
    covered = np.zeros((height, width), dtype=bool)
    for view in _views(layout, image):
        for index, position in enumerate(view.positions):
            if position in positions:
                box = view.patch_box(index)
                pixels = _pixels(box, covered.shape)
                covered[pixels if covered[pixels].size else _pixel_around(box, covered.shape)] = True
    return covered


def finest_views(layout: TokenLayout, image: int = 0) -> list[PatchView]:
    """The views of a picture with the smallest patches: its tiles, where there is a thumbnail too. They do not overlap
    each other."""
    views = sorted(_views(layout, image), key=_patch_area)
    return [view for view in views if math.isclose(_patch_area(view), _patch_area(views[0]), rel_tol=0.01)]


def _views(layout: TokenLayout, image: int) -> list[PatchView]:
    return [view for view in layout.views if image in view.images]


def _patch_area(view: PatchView) -> float:
    left, top, right, bottom = view.patch_box(0)
    return (right - left) * (bottom - top)


def _pixels(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of the pixels whose centres lie in a box."""
    left, top, right, bottom = (math.ceil(edge - 0.5) for edge in box)
    return slice(max(top, 0), max(min(bottom, shape[0]), 0)), slice(max(left, 0), max(min(right, shape[1]), 0))


def _pixel_around(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The row and column of the pixel that holds a box's centre; nothing when that is outside the picture."""
    left, top, right, bottom = box
    row, column = math.floor((top + bottom) / 2), math.floor((left + right) / 2)
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        return slice(0), slice(0)
    return slice(row, row + 1), slice(column, column + 1)


def _check(hidden: Shaped[np.ndarray, "height width"], layout: TokenLayout, image: int) -> None:
    if not 0 <= image < len(layout.image_sizes):
        raise ValueError(f"there is no image {image}: the question has {len(layout.image_sizes)}")
    check_size(hidden, *layout.image_sizes[image])


def check_size(hidden: Shaped[np.ndarray, "height width"], width: int, height: int) -> None:
    """Raises WrongMask for a mask of another size than a picture of `width` and `height`."""
    rows, columns = hidden.shape
    if (rows, columns) != (height, width):
        raise WrongMask(
            f"The mask is {columns} × {rows} and the picture {width} × {height} pixels. Draw it over the picture "
            "itself."
        )
