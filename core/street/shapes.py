"""How each kind of object looks: flat shapes in pixels at scale 1, left and top of the box at 0, 0.

Every shape stays inside its kind's `SIZES` box, whatever the door does. The doors of truck and house have the
same size, the same frame and the same two looks, so that neither is easier to see than the other.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from .pen import RGB, Pen, outline, shade
from .scene import Color, Item, Kind

PALETTE: dict[Color, RGB] = {
    "red": (214, 44, 42),
    "green": (40, 162, 70),
    "blue": (42, 94, 208),
    "yellow": (250, 212, 46),
    "white": (246, 246, 243),
    "black": (38, 38, 42),
    "orange": (244, 130, 32),
    "purple": (136, 62, 176),
}

PARTS: dict[Kind, tuple[str, ...]] = {
    "man": ("head", "shirt", "trousers"),
    "truck": ("body", "cab", "door", "wheels"),
    "house": ("wall", "roof", "door", "window"),
    "car": ("body", "window", "wheels"),
    "ball": ("body",),
    "tree": ("crown", "trunk"),
    "dog": ("body",),
    "cat": ("body",),
    "bird": ("body",),
    "bench": ("body",),
}
"""The parts each kind is made of. Small things belong to the part they sit on: hands to the shirt, shoes to
the trousers, eyes to the body, the chimney to the roof."""

DARK: RGB = (30, 28, 34)
GLASS: RGB = (186, 216, 228)
SEAL: RGB = (70, 74, 82)
FRAME: RGB = (226, 224, 216)
METAL: RGB = (150, 157, 166)
CAB: RGB = (112, 130, 146)
WOOD: RGB = (172, 120, 76)
TYRE: RGB = (44, 44, 48)
HUB: RGB = (176, 178, 182)
BARK: RGB = (112, 80, 52)
BEAK: RGB = (222, 168, 84)
SKINS: tuple[RGB, ...] = ((244, 206, 172), (224, 172, 130), (178, 124, 86), (122, 82, 58))
HAIRS: tuple[RGB, ...] = ((52, 40, 34), (96, 64, 40), (150, 112, 70), (120, 118, 118))
LEAVES: tuple[RGB, ...] = ((66, 112, 58), (84, 124, 56), (56, 102, 72), (98, 122, 62))


def _door(pen: Pen, item: Item, x: float, y: float, panel: RGB) -> None:
    """A door of 18 x 25 pixels with its left top corner at x, y. Open, its leaf stands out to the left."""
    dark = shade(panel, 0.5)
    if item.door == "closed":
        pen.rect("door", x, y, x + 18, y + 25, FRAME, dark)
        pen.rect("door", x + 2, y + 2, x + 16, y + 25, panel, dark)
        pen.rect("door", x + 4.5, y + 5, x + 13.5, y + 12, shade(panel, 0.84))
        pen.rect("door", x + 4.5, y + 15, x + 13.5, y + 22.5, shade(panel, 0.84))
        pen.ellipse("door", x + 12.2, y + 11.8, x + 15.4, y + 15, (236, 214, 130), dark)
    else:
        pen.rect("door", x, y, x + 18, y + 25, FRAME, dark)
        pen.rect("door", x + 2, y + 2, x + 16, y + 25, DARK)
        pen.polygon("door", ((x + 2, y + 25), (x + 5, y + 21), (x + 16, y + 21), (x + 16, y + 25)), (84, 78, 80))
        leaf = ((x + 1, y + 1), (x - 7.5, y - 1), (x - 7.5, y + 26.5), (x + 1, y + 25))
        pen.polygon("door", leaf, panel, dark)
        pen.polygon(
            "door",
            ((x - 1, y + 4), (x - 5.5, y + 3), (x - 5.5, y + 22.5), (x - 1, y + 21.5)),
            shade(panel, 0.84),
        )
        pen.ellipse("door", x - 7, y + 11.8, x - 4.4, y + 14.6, (236, 214, 130))


def _wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.ellipse("wheels", x - radius, y - radius, x + radius, y + radius, TYRE, (22, 22, 24))
    hub = radius * 0.45
    pen.ellipse("wheels", x - hub, y - hub, x + hub, y + hub, HUB)


def man(pen: Pen, item: Item, rng: random.Random) -> None:
    skin, hair = rng.choice(SKINS), rng.choice(HAIRS)
    shirt, trousers = PALETTE[item.color("shirt")], PALETTE[item.color("trousers")]
    legs = ((8.5, 31), (21.5, 31), (22.5, 54.5), (16.4, 54.5), (15, 38), (13.6, 54.5), (7.5, 54.5))
    pen.ellipse("trousers", 5.5, 53, 14, 57.5, (52, 44, 42))
    pen.ellipse("trousers", 16, 53, 24.5, 57.5, (52, 44, 42))
    pen.polygon("trousers", legs, trousers, outline(trousers))
    for hand in (2.2, 23.8):
        pen.ellipse("shirt", hand, 29, hand + 4, 33.5, skin, shade(skin, 0.6))
    line = outline(shirt)
    pen.rect("head", 12.7, 10.5, 17.3, 15, shade(skin, 0.88))
    torso = (
        (11, 13.5), (19, 13.5), (23.5, 16), (28, 29.5), (24, 31), (21.5, 24.5), (21.7, 33.5),
        (8.3, 33.5), (8.5, 24.5), (6, 31), (2, 29.5), (6.5, 16),
    )  # fmt: skip
    pen.polygon("shirt", torso, shirt, line)
    pen.line("shirt", ((12.4, 14), (15, 17), (17.6, 14)), line, 0.8)
    pen.line("shirt", ((8.5, 25), (9, 19)), line, 0.7)
    pen.line("shirt", ((21.5, 25), (21, 19)), line, 0.7)
    pen.ellipse("head", 9.6, 1.2, 20.4, 13, skin, shade(skin, 0.6))
    pen.cap("head", 9.2, 0.6, 20.8, 12, hair, shade(hair, 0.55), 185, 355)
    for eye in (12.2, 16.2):
        pen.ellipse("head", eye, 6.8, eye + 1.5, 8.4, DARK)


def truck(pen: Pen, item: Item, rng: random.Random) -> None:
    body = PALETTE[item.color()]
    pen.rect("wheels", 3, 35, 65, 40, (62, 64, 70))
    pen.polygon("cab", ((47, 12), (58.5, 12), (63, 23), (67, 25), (67, 39), (47, 39)), CAB, outline(CAB))
    pen.polygon("cab", ((51, 15), (57.5, 15), (61, 23.5), (51, 23.5)), GLASS, outline(CAB))
    pen.rect("cab", 64, 28.5, 67, 31.5, (246, 232, 180))
    pen.line("cab", ((50.5, 27), (54, 27)), outline(CAB), 1)
    pen.rect("body", 0.8, 2, 48, 37, body, outline(body))
    pen.rect("body", 1.6, 34, 47.2, 36.3, shade(body, 0.84))
    for seam in (5.5, 42.5):
        pen.line("body", ((seam, 4), (seam, 34)), shade(body, 0.84), 1)
    _wheel(pen, 12, 39.2, 6.2)
    _wheel(pen, 56, 39.2, 6.2)
    _door(pen, item, 19, 8, METAL)


def house(pen: Pen, item: Item, rng: random.Random) -> None:
    wall, roof = PALETTE[item.color("wall")], PALETTE[item.color("roof")]
    pen.rect("roof", 43, 5, 49, 20, shade(roof, 0.8), outline(roof))
    pen.rect("wall", 4.5, 25, 55.5, 61, wall, outline(wall))
    pen.rect("wall", 5.3, 58.5, 54.7, 60.2, shade(wall, 0.82))
    pen.polygon("roof", ((1.2, 27), (30, 2), (58.8, 27)), roof, outline(roof))
    for row, half in ((9.5, 7), (15, 13.5), (20.5, 20)):
        pen.line("roof", ((30 - half, row), (30 + half, row)), shade(roof, 0.82), 0.9)
    pen.rect("window", 41.5, 35, 52.5, 47, FRAME, shade(FRAME, 0.45))
    pen.rect("window", 43.2, 36.7, 50.8, 45.3, GLASS)
    pen.line("window", ((47, 36.7), (47, 45.3)), FRAME, 1)
    pen.line("window", ((43.2, 41), (50.8, 41)), FRAME, 1)
    _door(pen, item, 18.5, 34.5, WOOD)


def car(pen: Pen, item: Item, rng: random.Random) -> None:
    body = PALETTE[item.color()]
    line = outline(body)
    shell = (
        (1, 15.5), (9, 13), (17, 2), (36, 2), (45, 12.5), (51.5, 14), (53.2, 17), (53.2, 25), (1, 25),
    )  # fmt: skip
    pen.polygon("body", shell, body, line)
    pen.rect("body", 1.8, 22.3, 52.6, 24.4, shade(body, 0.8))
    pen.polygon("window", ((13, 12.6), (18.4, 4.6), (25.6, 4.6), (25.6, 12.6)), GLASS, SEAL)
    pen.polygon("window", ((28.4, 12.6), (28.4, 4.6), (34.8, 4.6), (41.2, 12.6)), GLASS, SEAL)
    pen.line("body", ((27, 13), (27, 22)), line, 0.7)
    pen.line("body", ((29, 15.6), (32, 15.6)), line, 0.9)
    pen.ellipse("body", 50, 15.5, 53, 19, (246, 232, 180))
    _wheel(pen, 12.5, 24.2, 5.4)
    _wheel(pen, 42, 24.2, 5.4)


def ball(pen: Pen, item: Item, rng: random.Random) -> None:
    body = PALETTE[item.color()]
    pen.ellipse("body", 0.7, 0.7, 19.3, 19.3, shade(body, 0.8), outline(body))
    pen.ellipse("body", 1.6, 1.4, 17.6, 17.2, body)
    glint = (96, 96, 102) if item.color() == "black" else (255, 255, 255)
    pen.ellipse("body", 5, 4, 8.6, 7, glint)


def tree(pen: Pen, item: Item, rng: random.Random) -> None:
    leaf = rng.choice(LEAVES)
    trunk = ((15.5, 28), (20.5, 28), (21, 48), (24, 53.2), (12, 53.2), (15, 48))
    pen.polygon("trunk", trunk, BARK, outline(BARK))
    clumps = [
        (x + rng.uniform(-0.8, 0.8), y + rng.uniform(-0.8, 0.8), radius)
        for x, y, radius in ((18, 11.8, 10), (11.2, 19.5, 9.2), (24.8, 19.5, 9.2), (13.5, 27, 8.6), (22.5, 27, 8.6))
    ]
    for grow, color in ((0.4, outline(leaf)), (-0.6, leaf)):
        for x, y, radius in clumps:
            r = radius + grow
            pen.ellipse("crown", x - r, y - r, x + r, y + r, color)
    for x, y, radius in clumps[:3]:
        r = radius * 0.5
        pen.ellipse("crown", x - r - 1.5, y - r - 2, x + r - 1.5, y + r - 2, shade(leaf, 1.16))


def dog(pen: Pen, item: Item, rng: random.Random) -> None:
    body = PALETTE[item.color()]
    line, far = outline(body), shade(body, 0.78)
    for x in (13, 25.5):
        pen.rect("body", x, 21, x + 3.8, 32.5, far, line)
    pen.polygon("body", ((9.5, 17.5), (4.5, 13), (1, 5.5), (3.4, 4.6), (7.4, 10.5), (12, 13.5)), body, line)
    hull = (
        (9, 14), (24, 13.6), (26.5, 9), (34, 12), (32.5, 20), (31, 24), (22, 23), (15, 24.5), (9, 25), (7.5, 19),
    )  # fmt: skip
    pen.polygon("body", hull, body, line)
    for x in (8.2, 28):
        pen.rect("body", x, 21, x + 4.2, 33.3, body, line)
        pen.rect("body", x + 0.9, 18.5, x + 3.3, 24, body)
    pen.rect("body", 31, 8, 41.3, 14.6, body, line, round=2.6)
    pen.ellipse("body", 25.4, 2, 37, 14.4, body, line)
    pen.rect("body", 33.4, 8.9, 38, 13.7, body)
    pen.ellipse("body", 38.6, 7.4, 41.6, 10.4, DARK)
    pen.ellipse("body", 24.4, 3.4, 29.6, 14.6, far, line)
    light = max(body) < 70
    pen.ellipse("body", 32.2, 5.8, 34.4, 8, (240, 240, 236) if light else DARK)


def cat(pen: Pen, item: Item, rng: random.Random) -> None:
    body = PALETTE[item.color()]
    line, far = outline(body), shade(body, 0.78)
    tail = ((18.5, 32.6), (25, 32), (28.4, 27.5), (27.8, 22), (25, 18.6))
    pen.line("body", tail, line, 4.6)
    pen.line("body", tail, body, 3)
    pen.polygon("body", ((8.9, 15), (18.5, 15), (22.5, 26), (22.9, 35), (4.1, 35), (4.9, 26)), body, line)
    pen.polygon("body", ((4.5, 11), (3.7, 1), (10.9, 5)), body, line)
    pen.polygon("body", ((22.9, 11), (23.7, 1), (16.5, 5)), body, line)
    pen.polygon("body", ((5.7, 7), (5.1, 3), (8.3, 5)), far)
    pen.polygon("body", ((21.7, 7), (22.3, 3), (19.1, 5)), far)
    pen.ellipse("body", 3.5, 4, 23.9, 18.6, body, line)
    for paw in (10.9, 16.3):
        pen.line("body", ((paw, 26), (paw, 34.6)), line, 0.8)
    mark = (200, 200, 196) if max(body) < 70 else DARK
    for eye in (8.1, 16.5):
        pen.ellipse("body", eye, 8.4, eye + 2.8, 12.2, mark)
    pen.polygon("body", ((12.3, 12.6), (15.1, 12.6), (13.7, 14.4)), mark)
    for side in (-1, 1):
        for down in (12.4, 15.2):
            pen.line("body", ((13.7 + side * 4.4, down), (13.7 + side * 12, down)), line, 0.9)


def bird(pen: Pen, item: Item, rng: random.Random) -> None:
    body = PALETTE[item.color()]
    line, far = outline(body), shade(body, 0.8)
    for x in (13.5, 17):
        pen.line("body", ((x, 20), (x, 25), (x + 2.6, 25)), (120, 92, 60), 1)
    pen.polygon("body", ((8.5, 12), (1.2, 7.5), (1.6, 14.5), (8.5, 18)), body, line)
    pen.polygon("body", ((26, 5), (31.2, 7.6), (26, 9.8)), BEAK, shade(BEAK, 0.6), edge=1)
    pen.ellipse("body", 5.6, 8, 25.4, 22.4, body, line)
    pen.ellipse("body", 17.6, 0.8, 28.4, 12, body, line)
    pen.ellipse("body", 17.2, 5, 25, 16, body)
    pen.polygon("body", ((8.5, 13.4), (18, 12), (19, 15), (14.5, 18.6), (10, 17.6)), far, line, edge=1)
    pen.ellipse("body", 23.2, 4, 25.4, 6.2, (240, 240, 236) if max(body) < 70 else DARK)


def bench(pen: Pen, item: Item, rng: random.Random) -> None:
    body = PALETTE[item.color()]
    line, far = outline(body), shade(body, 0.78)
    for x in (6.0, 35.0):
        pen.rect("body", x, 1.5, x + 3, 25, far, line, edge=1)
    for y in (1, 7.2):
        pen.rect("body", 1.4, y, 42.6, y + 5.4, body, line, edge=1)
    for x in (2.4, 37.8):
        pen.rect("body", x, 18, x + 3.8, 27.4, body, line, edge=1)
    pen.polygon("body", ((3, 14.2), (41, 14.2), (43, 20), (1, 20)), body, line, edge=1)
    pen.line("body", ((1.6, 18), (42.4, 18)), far, 0.7)


SHAPES: dict[Kind, Callable[[Pen, Item, random.Random], None]] = {
    "man": man,
    "truck": truck,
    "house": house,
    "car": car,
    "ball": ball,
    "tree": tree,
    "dog": dog,
    "cat": cat,
    "bird": bird,
    "bench": bench,
}
