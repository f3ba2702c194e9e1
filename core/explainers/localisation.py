"""Heads that ground, by the two criteria of Kang et al. 2025: they look at the picture, and at few places in it.

"Your Large Vision-Language Model Only Needs A Few Attention Heads For Visual Grounding" finds that three heads of
thousands localise what a text is about. No mask is needed to find them: the attention to the picture is summed (first
criterion) and its map's spatial entropy taken (second). Departure: the threshold of the sum is where the falling curve
lies farthest from the line between its ends, and not its greatest curvature.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..answer import Head, TokenLayout
from ..errors import SettingsError
from ..masking import finest_views

MOST = 3
"""Heads that the paper finds enough."""
_HEAD = re.compile(r"\s*(\d{1,4})\s*\.\s*(\d{1,4})\s*")


def spatial_entropy(row: Float[np.ndarray, "position"], layout: TokenLayout) -> float:
    """-sum p ln p over the connected parts (eight neighbours) of the places that get more than the mean of a head's
    attention to the pictures, p being a part's share of these places: 0 for one part. NaN without places, and where all
    get the same."""
    from scipy.ndimage import label

    views = [view for image in range(len(layout.image_sizes)) for view in finest_views(layout, image)]
    if not views:
        return float("nan")
    mean = np.mean(np.concatenate([row[list(view.positions)] for view in views]))
    sizes: list[int] = []
    for view in views:
        above = row[list(view.positions)].reshape(view.rows, view.columns) > mean
        parts, number = label(above, structure=np.ones((3, 3)))
        sizes += [int(size) for size in np.bincount(parts.ravel(), minlength=number + 1)[1:]]
    if not sizes:
        return float("nan")
    shares = np.array(sizes) / sum(sizes)
    return float(-(shares * np.log(shares)).sum()) + 0.0


def elbow(values: Float[np.ndarray, "head"]) -> float:
    """The value at which a falling curve of values bends: where it lies farthest from the line between its ends."""
    falling = np.sort(values[np.isfinite(values)])[::-1]
    if len(falling) < 3 or falling[0] == falling[-1]:
        return float(falling[-1]) if len(falling) else float("nan")
    height = (falling - falling[-1]) / (falling[0] - falling[-1])
    return float(falling[int(np.argmax(np.abs(height + np.linspace(0, 1, len(falling)) - 1)))])


def by_criteria(
    sums: Float[np.ndarray, "layers heads"], entropies: Float[np.ndarray, "layers heads"], most: int = MOST
) -> tuple[Head, ...]:
    """The heads of the least spatial entropy among those whose attention to the picture is above the elbow; those that
    look at it more come first among equals."""
    kept = [
        (float(entropies[layer, head]), -float(sums[layer, head]), (layer, head))
        for layer, head in np.ndindex(*sums.shape)
        if np.isfinite(entropies[layer, head]) and sums[layer, head] >= elbow(sums.ravel())
    ]
    return tuple((int(layer), int(head)) for _, _, (layer, head) in sorted(kept)[:most])


def heads_in(text: str) -> tuple[Head, ...]:
    """The heads that a text names as layer.head, with commas between. Raises SettingsError."""
    parts = [part for part in re.split(r"[,;]", text) if part.strip()]
    found = [_HEAD.fullmatch(part) for part in parts]
    if not all(found):
        raise SettingsError(f"{text[:60]!r} names no heads. Write them as layer.head, as in 5.2, 3.1.")
    return tuple(dict.fromkeys((int(one.group(1)), int(one.group(2))) for one in found if one))


def heads_text(heads: Sequence[Head]) -> str:
    """Heads as such a text."""
    return ", ".join(f"{layer}.{head}" for layer, head in heads)
