"""A street scene as a small typed value: what stands where, in which colours, under which light.

Everything visible is a field, so one attribute can be changed and everything else kept:
`recolour(scene, "man", "shirt", "yellow")`, `set_door(scene, "truck", "open")`, `remove(scene, "dog")`.
`sample(seed)` draws a scene; the same seed always draws the same scene.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

SIDE = 168
"""Width and height of a scene in pixels."""

Kind = Literal["man", "truck", "house", "car", "ball", "tree", "dog", "cat", "bird", "bench"]
Color = Literal["red", "green", "blue", "yellow", "white", "black", "orange", "purple"]
Door = Literal["open", "closed"]
Sky = Literal["clear", "pale", "dusk", "overcast"]
Ground = Literal["grass", "asphalt", "sand", "pavement"]

KINDS: tuple[Kind, ...] = ("man", "truck", "house", "car", "ball", "tree", "dog", "cat", "bird", "bench")
COLORS: tuple[Color, ...] = ("red", "green", "blue", "yellow", "white", "black", "orange", "purple")
SKIES: tuple[Sky, ...] = ("clear", "pale", "dusk", "overcast")
GROUNDS: tuple[Ground, ...] = ("grass", "asphalt", "sand", "pavement")

COLORED_PARTS: dict[Kind, tuple[str, ...]] = {
    "man": ("shirt", "trousers"),
    "truck": ("body",),
    "house": ("wall", "roof"),
    "car": ("body",),
    "ball": ("body",),
    "tree": (),
    "dog": ("body",),
    "cat": ("body",),
    "bird": ("body",),
    "bench": ("body",),
}
"""The parts of each kind that have a colour of their own; "body" is the object as a whole."""

DOOR_KINDS: tuple[Kind, ...] = ("truck", "house")
MOST_OF_A_KIND: dict[Kind, int] = {"ball": 5, "tree": 3}
"""Kinds that may stand in a scene more than once; every other kind at most once."""

SIZES: dict[Kind, tuple[int, int]] = {
    "man": (30, 58),
    "truck": (68, 46),
    "house": (60, 62),
    "car": (54, 30),
    "ball": (20, 20),
    "tree": (36, 54),
    "dog": (42, 34),
    "cat": (32, 36),
    "bird": (32, 26),
    "bench": (44, 28),
}
"""Width and height in pixels at scale 1."""


@dataclass(frozen=True)
class Item:
    """One object. `x`, `y` are its box's left and top in pixels; `scale` multiplies `SIZES`;
    `colors` pairs each coloured part with its colour; `flipped` mirrors it left to right."""

    kind: Kind
    x: int
    y: int
    scale: float
    colors: tuple[tuple[str, Color], ...] = ()
    door: Door | None = None
    flipped: bool = False

    @property
    def size(self) -> tuple[int, int]:
        width, height = SIZES[self.kind]
        return round(width * self.scale), round(height * self.scale)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom in pixels."""
        width, height = self.size
        return self.x, self.y, self.x + width, self.y + height

    @property
    def centre(self) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    def color(self, part: str = "body") -> Color:
        """The colour of a part. Raises KeyError when the kind has no such coloured part."""
        return dict(self.colors)[part]


@dataclass(frozen=True)
class Scene:
    """Items in drawing order (far to near) before a background. `light` multiplies brightness, `warmth`
    tilts it to red or blue, `horizon` is the row where the ground begins, `texture` seeds the fine grain."""

    items: tuple[Item, ...]
    sky: Sky = "clear"
    ground: Ground = "grass"
    horizon: int = 60
    light: float = 1.0
    warmth: float = 0.0
    texture: int = 0

    def of_kind(self, kind: Kind) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.kind == kind)

    def the(self, kind: Kind) -> Item | None:
        """The only item of its kind, or None when there is none or more than one."""
        items = self.of_kind(kind)
        return items[0] if len(items) == 1 else None

    def count(self, kind: Kind) -> int:
        return len(self.of_kind(kind))


def _overlap(a: Item, b: Item) -> float:
    """Shared area of two boxes as a share of the smaller one."""
    al, at, ar, ab = a.box
    bl, bt, br, bb = b.box
    shared = max(0, min(ar, br) - max(al, bl)) * max(0, min(ab, bb) - max(at, bt))
    return shared / min((ar - al) * (ab - at), (br - bl) * (bb - bt))


def _place(kind: Kind, others: list[Item], horizon: int, rng: random.Random, tries: int = 30) -> Item | None:
    """An item of `kind` that hides at most a sixth of any other box, or None when no room was found.

    All but birds stand on the ground: below the horizon.
    """
    for _ in range(tries):
        scale = rng.uniform(0.85, 1.2)
        width, height = (round(side * scale) for side in SIZES[kind])
        item = Item(
            kind=kind,
            x=rng.randint(1, SIDE - width - 1),
            y=rng.randint(1 if kind == "bird" else max(1, horizon + 6 - height), SIDE - height - 1),
            scale=scale,
            colors=tuple((part, rng.choice(COLORS)) for part in COLORED_PARTS[kind]),
            door=rng.choice(("open", "closed")) if kind in DOOR_KINDS else None,
            flipped=rng.random() < 0.5,
        )
        if hides_little(item, others):
            return item
    return None


def hides_little(item: Item, others: Iterable[Item]) -> bool:
    """Whether an item shares at most a sixth of any other's box, or of its own where that is smaller; a ball nothing:
    what `sample` asks of every item that it places."""
    most = 0.0 if item.kind == "ball" else 0.16
    return all(_overlap(item, other) <= most for other in others)


def sample(seed: int) -> Scene:
    """The scene of a seed: two to six kinds, at most one of each but for balls and trees."""
    rng = random.Random(f"street {seed}")
    kinds = rng.sample(KINDS, rng.randint(2, 6))
    # Doors are asked about most, and the two large kinds find room only when placed first.
    if rng.random() < 0.5 and not set(kinds) & set(DOOR_KINDS):
        kinds[0] = rng.choice(DOOR_KINDS)
    kinds.sort(key=lambda kind: -SIZES[kind][0] * SIZES[kind][1])
    horizon = rng.randint(30, 62)
    items: list[Item] = []
    for kind in kinds:
        for _ in range(rng.randint(1, MOST_OF_A_KIND.get(kind, 1))):
            if (item := _place(kind, items, horizon, rng)) is not None:
                items.append(item)
    items.sort(key=lambda item: item.box[3])
    return Scene(
        items=tuple(items),
        sky=rng.choice(SKIES),
        ground=rng.choice(GROUNDS),
        horizon=horizon,
        light=rng.uniform(0.82, 1.1),
        warmth=rng.uniform(-0.06, 0.06),
        texture=rng.randrange(2**31),
    )


def _change(scene: Scene, kind: Kind, **fields: object) -> Scene:
    if scene.the(kind) is None:
        raise ValueError(f"the scene has {scene.count(kind)} of kind {kind!r}, and exactly one is needed")
    items = tuple(replace(item, **fields) if item.kind == kind else item for item in scene.items)  # type: ignore[arg-type]
    return replace(scene, items=items)


def recolour(scene: Scene, kind: Kind, part: str, color: Color) -> Scene:
    """The same scene with one part of its only `kind` in another colour. Raises ValueError without one."""
    item = scene.the(kind)
    if item is not None and part not in dict(item.colors):
        raise ValueError(f"a {kind} has no coloured part {part!r}")
    colors = {**dict(item.colors), part: color} if item else {}
    return _change(scene, kind, colors=tuple(colors.items()))


def match_colors(scene: Scene, rng: random.Random) -> Scene:
    """The same scene with one single object, as a whole, in the colour of another; unchanged without two."""
    whole = [(item.kind, part) for item in scene.items if scene.count(item.kind) == 1 for part, _ in item.colors[:1]]
    whole = [(kind, part) for kind, part in whole if part in ("body", "wall")]
    if len(whole) < 2:
        return scene
    (a, part), (b, other) = rng.sample(whole, 2)
    item = scene.the(b)
    assert item is not None
    return recolour(scene, a, part, item.color(other))


def set_door(scene: Scene, kind: Kind, door: Door) -> Scene:
    """The same scene with the door of its only truck or house open or closed. Raises ValueError without one."""
    if kind not in DOOR_KINDS:
        raise ValueError(f"a {kind} has no door")
    return _change(scene, kind, door=door)


def remove(scene: Scene, kind: Kind) -> Scene:
    """The same scene without its items of `kind`."""
    return replace(scene, items=tuple(item for item in scene.items if item.kind != kind))


def add(scene: Scene, kind: Kind, seed: int = 0) -> Scene:
    """The same scene with one more item of `kind` in front, where there is room.

    Raises ValueError when the scene already has as many as may be, or has no room left.
    """
    if scene.count(kind) >= MOST_OF_A_KIND.get(kind, 1):
        raise ValueError(f"the scene already has {scene.count(kind)} of kind {kind!r}")
    item = _place(kind, list(scene.items), scene.horizon, random.Random(f"add {kind} {seed}"), tries=400)
    if item is None:
        raise ValueError(f"there is no room left for a {kind}")
    return replace(scene, items=(*scene.items, item))
