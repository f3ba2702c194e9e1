"""One thing of a scene taken out, repainted or swapped, and everything else kept: what a picture would show then.

Each is a scene as `sample` draws them, so nothing in it is odd to a model that was trained on such scenes. Taking a
thing out also takes its shadow, and shows what it hid.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from .scene import COLORED_PARTS, COLORS, DOOR_KINDS, KINDS, SIDE, SIZES, Color, Item, Kind, Scene, hides_little

Redraw = Literal["out", "repainted", "swapped"]
STANDS = 6
"""Pixels below the horizon that a thing reaches which stands on the ground, as `sample` places it."""


def without(scene: Scene, index: int) -> tuple[Scene, ...]:
    """The scene without one item, by its place in `scene.items`."""
    return (replace(scene, items=scene.items[:index] + scene.items[index + 1 :]),)


def repainted(scene: Scene, index: int) -> tuple[Scene, ...]:
    """The scene with all coloured parts of one item in other colours: in each of seven scenes every part is as many
    colours further in `COLORS`. None of an item without a coloured part."""
    item = scene.items[index]
    if not item.colors:
        return ()
    further = range(1, len(COLORS))
    return tuple(_with(scene, index, replace(item, colors=_moved(item, by))) for by in further)


def swapped(scene: Scene, index: int) -> tuple[Scene, ...]:
    """The scene with an item of another kind in the place of one: of each kind that the scene does not have, at the
    same scale and with its feet on the same spot, where it fits into the picture and hides as little as `sample`
    allows. Its colours, door and side are drawn from the scene's texture. None where no kind fits."""
    others = scene.items[:index] + scene.items[index + 1 :]
    kinds = [kind for kind in KINDS if not scene.count(kind)]
    items = [_in_place_of(scene, index, kind) for kind in kinds]
    return tuple(_with(scene, index, item) for item in items if _fits(item, scene) and hides_little(item, others))


REDRAWS: Mapping[Redraw, Callable[[Scene, int], tuple[Scene, ...]]] = {
    "out": without,
    "repainted": repainted,
    "swapped": swapped,
}
"""Every way to redraw one thing."""


def empty(scene: Scene) -> Scene:
    """The scene with nothing in it: sky and ground under the same light."""
    return replace(scene, items=())


def _with(scene: Scene, index: int, item: Item) -> Scene:
    return replace(scene, items=(*scene.items[:index], item, *scene.items[index + 1 :]))


def _moved(item: Item, by: int) -> tuple[tuple[str, Color], ...]:
    return tuple((part, COLORS[(COLORS.index(color) + by) % len(COLORS)]) for part, color in item.colors)


def _in_place_of(scene: Scene, index: int, kind: Kind) -> Item:
    old = scene.items[index]
    rng = random.Random(f"swap {scene.texture} {index} {kind}")
    width, height = (round(side * old.scale) for side in SIZES[kind])
    return Item(
        kind=kind,
        x=round(old.centre[0] - width / 2),
        y=old.box[3] - height,
        scale=old.scale,
        colors=tuple((part, rng.choice(COLORS)) for part in COLORED_PARTS[kind]),
        door=rng.choice(("open", "closed")) if kind in DOOR_KINDS else None,
        flipped=rng.random() < 0.5,
    )


def _fits(item: Item, scene: Scene) -> bool:
    left, top, right, bottom = item.box
    inside = left >= 1 and top >= 1 and right <= SIDE - 1 and bottom <= SIDE - 1
    return inside and (item.kind == "bird" or bottom >= scene.horizon + STANDS)
