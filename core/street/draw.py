"""Draw a street scene, and know of every pixel what it shows.

`draw(scene)` is a pure function: the same scene always gives the same picture, and changing one attribute
changes only that part's pixels. The ground truth says where a model should have looked.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from .backdrop import backdrop, expose
from .pen import Pen
from .scene import SIDE, SIZES, Kind, Scene
from .shapes import PARTS, SHAPES


class PartKey(NamedTuple):
    """One part of one object: `item_index` counts in `scene.items`."""

    item_index: int
    kind: Kind
    part: str


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture and its ground truth. `image` is RGB of SIDE x SIDE pixels; `labels` is 0 for background and
    k + 1 where the front-most thing at a pixel is `parts[k]`."""

    image: Image.Image
    labels: UInt8[np.ndarray, "side side"]
    parts: tuple[PartKey, ...]

    def mask(self, kind: Kind, part: str | None = None, index: int = 0) -> Bool[np.ndarray, "side side"]:
        """The visible pixels of the `index`-th object of its kind (in `scene.items` order), or of one part of it.

        All false when something hides it entirely. Raises KeyError when there is no such object or part.
        """
        items = list(dict.fromkeys(key.item_index for key in self.parts if key.kind == kind))
        if not 0 <= index < len(items):
            raise KeyError(f"the scene has {len(items)} of kind {kind!r}, so there is no number {index}")
        wanted = [
            label
            for label, key in enumerate(self.parts, start=1)
            if key.item_index == items[index] and part in (None, key.part)
        ]
        if not wanted:
            raise KeyError(f"a {kind} has no part {part!r}")
        return np.isin(self.labels, wanted)


def draw(scene: Scene) -> Drawing:
    """The picture of a scene with the label of every pixel. Raises ValueError above 255 parts."""
    parts = tuple(
        PartKey(index, item.kind, part) for index, item in enumerate(scene.items) for part in PARTS[item.kind]
    )
    if len(parts) > 255:
        raise ValueError(f"the scene has {len(parts)} parts, and at most 255 can be told apart")
    pen, label = Pen(SIDE), 1
    for item in scene.items:
        # Seeded by place, not by index: removing one object must leave the others as they were.
        rng = random.Random(f"{scene.texture} {item.kind} {item.x} {item.y}")
        names = PARTS[item.kind]
        width, height = SIZES[item.kind]
        pen.move(
            (item.x, item.y),
            (item.size[0] / width, item.size[1] / height),
            dict(zip(names, range(label, label + len(names)), strict=True)),
            mirror=width if item.flipped else None,
            gain=rng.uniform(0.94, 1.04),
        )
        SHAPES[item.kind](pen, item, rng)
        label += len(names)
    objects, labels = pen.finish()
    image = backdrop(scene) * (1 - objects[..., 3:] / 255) + objects[..., :3]
    return Drawing(Image.fromarray(expose(image, scene).astype(np.uint8)), labels, parts)
