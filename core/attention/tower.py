"""The vision tower's attention: where patches look within the picture, before a word is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..answer import Head, TokenLayout
from .measures import focus
from .rows import nanmean


def image_positions(layout: TokenLayout, image: int) -> tuple[int, ...]:
    """The sequence positions of one image's tokens in the order of the tower's rows."""
    return tuple(sorted(position for view in layout.views if image in view.images for position in view.positions))


def centres(layout: TokenLayout, image: int) -> Float[np.ndarray, "place 2"]:
    """The middle of each image token's patch, as shares of the picture's longer side."""
    side = max(layout.image_sizes[image])
    boxes = {
        position: view.patch_box(index)
        for view in layout.views
        if image in view.images
        for index, position in enumerate(view.positions)
    }
    corners = np.array([boxes[position] for position in image_positions(layout, image)])
    return np.stack([corners[:, [0, 2]].mean(1), corners[:, [1, 3]].mean(1)], axis=1) / side


def tower_measures(
    attention: Float[Tensor, "layers heads query key"], places: Float[np.ndarray, "place 2"]
) -> dict[str, Float[np.ndarray, "layers heads"]]:
    """Of each head: "distance", the mean length of its looks as a share of the picture's longer side (Dosovitskiy et
    al. 2021, figure 7), and "focus", 1 for one patch and 0 for an even spread; each the mean over all patches."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    distances, focuses = [], []
    for layer in attention:
        rows = layer.float().cpu().numpy()
        total = rows.sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            distances.append(nanmean((rows * apart).sum(-1) / total, -1))
        focuses.append(nanmean(focus(rows), -1))
    return {"distance": np.stack(distances), "focus": np.stack(focuses)}


def tower_looks(
    attention: Float[Tensor, "layers heads query key"], head: Head | None, patches: Sequence[int], received: bool
) -> Float[np.ndarray, "place"]:
    """Where `patches` (indices of rows; all when empty) look, or with `received` how much every patch looks at them.

    Of one head, or the mean of all.
    """
    rows = attention[head].float() if head is not None else sum(layer.float().mean(0) for layer in attention)
    values = np.asarray(rows.cpu()) / (1 if head is not None else len(attention))
    chosen = list(patches) or list(range(len(values)))
    return values[:, chosen].sum(1) if received and patches else values[chosen].mean(0)
