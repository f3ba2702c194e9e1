"""The pixels that show something, by what it is."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from ...street.draw import Drawing
from ...street.scene import Color, Kind, Scene

Mask = Bool[np.ndarray, "height width"]


def color_masks(drawing: Drawing, scene: Scene) -> dict[Color, Mask]:
    """For each colour the pixels of the things and parts that have it."""
    masks: dict[Color, Mask] = {}
    for kind in dict.fromkeys(item.kind for item in scene.items):
        for index, item in enumerate(scene.of_kind(kind)):
            for part, color in item.colors:
                whole = part == "body" and kind != "truck"
                mask = drawing.mask(kind, None if whole else part, index)
                masks[color] = masks[color] | mask if color in masks else mask
    return masks


def kind_masks(drawing: Drawing, scene: Scene) -> dict[Kind, Mask]:
    """For each kind the pixels of all its things."""
    return {
        kind: np.logical_or.reduce([drawing.mask(kind, index=index) for index in range(scene.count(kind))])
        for kind in dict.fromkeys(item.kind for item in scene.items)
    }
