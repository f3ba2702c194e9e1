"""The union of a picture's views, and what is left of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool

from ..answer import Box, TokenLayout


def seen_boxes(layout: TokenLayout, image: int = 0) -> tuple[Box, ...]:
    """What each view holds of a picture: its box without what it has beyond the picture. None where no view is known,
    or none holds any of it."""
    width, height = layout.image_sizes[image]
    clipped = (
        (max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom))
        for left, top, right, bottom in (view.box for view in layout.views if image in view.images)
    )
    return tuple(box for box in clipped if box[0] < box[2] and box[1] < box[3])


def known(layout: TokenLayout, image: int = 0) -> bool:
    """Whether it is known which part of a picture the model sees."""
    return any(image in view.images for view in layout.views)


def never_seen(layout: TokenLayout, image: int = 0) -> tuple[Box, ...]:
    """The part of a picture that no view holds, as boxes that do not overlap; none where the views are not known."""
    if not known(layout, image):
        return ()
    width, height = layout.image_sizes[image]
    seen = seen_boxes(layout, image)
    # Between two neighbouring edges of boxes a whole row of the picture is seen in the same columns.
    rows = [
        (top, bottom, _gaps([(box[0], box[2]) for box in seen if box[1] <= top and bottom <= box[3]], float(width)))
        for top, bottom in pairwise(sorted({0.0, float(height), *(edge for box in seen for edge in (box[1], box[3]))}))
    ]
    boxes: list[Box] = []
    for index, (top, bottom, gaps) in enumerate(rows):
        if index and gaps == rows[index - 1][2]:
            boxes[len(boxes) - len(gaps) :] = [
                (left, box[1], right, bottom)
                for (left, right), box in zip(gaps, boxes[len(boxes) - len(gaps) :], strict=True)
            ]
        else:
            boxes += [(left, top, right, bottom) for left, right in gaps]
    return tuple(boxes)


def _gaps(spans: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """What some spans leave of 0 to `end`."""
    gaps, reached = [], 0.0
    for left, right in sorted(spans):
        if left > reached:
            gaps.append((reached, left))
        reached = max(reached, right)
    return [*gaps, (reached, end)] if reached < end else gaps


def share_seen(layout: TokenLayout, image: int = 0) -> float | None:
    """The share of a picture that the model sees, 0 to 1; None where it is not known."""
    if not known(layout, image):
        return None
    width, height = layout.image_sizes[image]
    unseen = sum((right - left) * (bottom - top) for left, top, right, bottom in never_seen(layout, image))
    return 1.0 - unseen / (width * height)


def seen_pixels(layout: TokenLayout, image: int = 0) -> Bool[np.ndarray, "height width"] | None:
    """The pixels of a picture whose centres a view holds; None where it is not known."""
    if not known(layout, image):
        return None
    width, height = layout.image_sizes[image]
    seen = np.zeros((height, width), dtype=bool)
    for box in seen_boxes(layout, image):
        left, top, right, bottom = (math.ceil(edge - 0.5) for edge in box)
        seen[top:bottom, left:right] = True
    return seen


def share_of_region_seen(region: Bool[np.ndarray, "height width"], layout: TokenLayout, image: int = 0) -> float | None:
    """The share of a region's pixels that the model sees, 0 to 1; None where that is not known, or the region is empty.

    Raises ValueError for a region of another size than the picture.
    """
    width, height = layout.image_sizes[image]
    if region.shape != (height, width):
        raise ValueError(f"the region is {region.shape[1]} x {region.shape[0]} and the image {width} x {height} pixels")
    seen = seen_pixels(layout, image)
    return None if seen is None or not region.any() else float(seen[region].mean())
