"""What stands behind the objects: sky, clouds, distant hills, ground, shadows, and the grain over everything.

Random detail comes from a few periodic tiles made once; a scene's texture number only chooses where they are
cut, which keeps a scene cheap to draw and always the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFilter

from .pen import RGB
from .scene import SIDE, Ground, Item, Scene, Sky

SKY_COLORS: dict[Sky, tuple[RGB, RGB]] = {
    "clear": ((128, 182, 226), (206, 228, 240)),
    "pale": ((186, 206, 218), (232, 234, 228)),
    "dusk": ((142, 138, 172), (236, 196, 176)),
    "overcast": ((160, 168, 176), (202, 206, 208)),
}
"""Colour at the top and at the horizon."""

GROUND_COLORS: dict[Ground, tuple[RGB, RGB]] = {
    "grass": ((158, 176, 124), (124, 150, 92)),
    "asphalt": ((146, 148, 152), (112, 114, 120)),
    "sand": ((224, 208, 172), (206, 184, 140)),
    "pavement": ((190, 188, 184), (166, 162, 156)),
}
"""Colour at the horizon and at the bottom."""

CLOUD_COLORS: dict[Sky, RGB] = {
    "clear": (248, 250, 252),
    "pale": (246, 244, 240),
    "dusk": (240, 214, 204),
    "overcast": (182, 188, 194),
}

_GRAIN = 3.0
"""Standard deviation of the fine grain, in units of 0 to 255."""
_UNEVENNESS = 0.035
"""Standard deviation of the slow unevenness, as a share of brightness."""


def _smooth(rng: np.random.Generator, height: int, width: int, reach_y: float, reach_x: float) -> np.ndarray:
    """Periodic noise of unit variance, correlated over about `reach` pixels."""
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    y, x = np.fft.fftfreq(height)[:, None] * reach_y, np.fft.rfftfreq(width)[None] * reach_x
    noise = np.fft.irfft2(spectrum * np.exp(-2 * np.pi * (y**2 + x**2)), s=(height, width))
    noise -= noise.mean()
    return np.asarray(noise / noise.std(), dtype=np.float32)


@lru_cache(maxsize=1)
def _grain_tiles() -> tuple[Float[np.ndarray, "tall wide 1"], Float[np.ndarray, "tall wide 1"]]:
    """Fine grain to add and slow unevenness to multiply by, each repeated so that any offset can be cut out."""
    rng = np.random.default_rng(11)
    fine = _GRAIN * (0.75 * rng.standard_normal((SIDE, SIDE)) + 0.25 * _smooth(rng, SIDE, SIDE, 2, 2))
    slow = 1 + _UNEVENNESS * _smooth(rng, SIDE, SIDE, 60, 60)
    return (
        np.tile(fine, (2, 2)).astype(np.float32)[..., None],
        np.tile(slow, (2, 2)).astype(np.float32)[..., None],
    )


def _slabs() -> Float[np.ndarray, "depth wide"]:
    """Joints of square slabs in perspective, as brightness factors; the vanishing point is in the middle."""
    depth = np.arange(SIDE)[:, None] + 14.0
    column = np.arange(2 * SIDE)[None] - SIDE + 0.5
    across, along = 3 * column / depth, 180 / depth
    # Distance to the nearest joint in pixels, so that far joints are as thin as near ones.
    beside = np.abs(across - np.round(across)) * depth / 3
    below = np.abs(along - np.round(along)) * depth**2 / 180
    joint = np.clip(1.2 - np.minimum(beside, below), 0, 1) * np.clip(depth / 70, 0.3, 1)
    tone = np.random.default_rng(5).standard_normal((64, 512))
    slab = tone[np.round(along).astype(int) % 64, np.round(across).astype(int) % 512]
    return 1 - 0.11 * joint + 0.016 * slab * np.clip(depth / 90, 0.2, 1)


@lru_cache(maxsize=len(GROUND_COLORS))
def _ground_tile(ground: Ground) -> Float[np.ndarray, "depth wide 1"]:
    """Brightness factors by depth below the horizon and column; any SIDE neighbouring columns make a ground."""
    rng = np.random.default_rng(len(ground))
    depth = np.arange(SIDE)[:, None]
    near = np.clip(depth / 80, 0.15, 1.0)
    if ground == "grass":
        tile = 1 + 0.045 * near * _smooth(rng, SIDE, SIDE, 4, 1.2) + 0.04 * _smooth(rng, SIDE, SIDE, 5, 30)
    elif ground == "asphalt":
        tile = 1 + 0.03 * near * rng.standard_normal((SIDE, SIDE)) + 0.025 * _smooth(rng, SIDE, SIDE, 6, 40)
    elif ground == "sand":
        ripple = np.sin(30 * np.sqrt(depth + 6) / 4 + 1.4 * _smooth(rng, SIDE, SIDE, 20, 40))
        tile = 1 + 0.025 * near * ripple + 0.02 * near * rng.standard_normal((SIDE, SIDE))
    else:
        tile = 1 + 0.012 * rng.standard_normal((SIDE, SIDE))
    tile = np.tile(tile, (1, 2))
    if ground == "pavement":
        tile *= _slabs()
    return tile.astype(np.float32)[..., None]


def _soft(ellipses: Iterable[tuple[float, float, float, float]], radius: float) -> Float[np.ndarray, "side side 1"]:
    """Coverage from 0 to 1 of blurred ellipses given as left, top, right, bottom."""
    layer = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(layer)
    for box in ellipses:
        draw.ellipse(box, fill=255)
    return (np.asarray(layer.filter(ImageFilter.BoxBlur(radius)), dtype=np.float32) / 255)[..., None]


def _triple(color: tuple[float, float, float]) -> Float[np.ndarray, " 3"]:
    return np.array(color, np.float32)


def _ramp(top: RGB, bottom: RGB, rows: int) -> Float[np.ndarray, "rows 1 3"]:
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    return _triple(top) * (1 - share) + _triple(bottom) * share


def _clouds(rng: random.Random, horizon: int) -> list[tuple[float, float, float, float]]:
    boxes: list[tuple[float, float, float, float]] = []
    for _ in range(rng.randint(1, 3)):
        x, y, width = rng.uniform(0, SIDE), rng.uniform(3, horizon * 0.6), rng.uniform(18, 40)
        boxes.append((x, y + 3, x + width, y + 9))
        boxes.append((x + width * 0.2, y, x + width * 0.55, y + 9))
        boxes.append((x + width * 0.45, y + 1.5, x + width * 0.8, y + 9))
    return boxes


def _shadows(items: tuple[Item, ...], horizon: int) -> list[tuple[float, float, float, float]]:
    """A flat ellipse at the feet of every object that stands on the ground."""
    boxes: list[tuple[float, float, float, float]] = []
    for item in items:
        left, _, right, bottom = item.box
        if bottom > horizon + 2:
            inset = (right - left) * 0.04
            boxes.append((left + inset, bottom - 5, right - inset, bottom))
    return boxes


def backdrop(scene: Scene) -> Float[np.ndarray, "side side 3"]:
    """Sky and ground with the objects' shadows on it, as RGB of 0 to 255."""
    rng = random.Random(f"backdrop {scene.texture}")
    horizon = min(max(scene.horizon, 1), SIDE - 1)
    image = np.empty((SIDE, SIDE, 3), np.float32)

    image[:horizon] = _ramp(*SKY_COLORS[scene.sky], horizon)
    cloud = _soft(_clouds(rng, horizon), 1)[:horizon] * 0.8
    image[:horizon] += cloud * (_triple(CLOUD_COLORS[scene.sky]) - image[:horizon])

    far, near = GROUND_COLORS[scene.ground]
    hill = np.full(SIDE, rng.uniform(2, 7))
    for _ in range(3):
        hill += rng.uniform(1, 3.5) * np.sin(np.arange(SIDE) / rng.uniform(8, 30) + rng.uniform(0, 6.3))
    haze = 0.55 * _triple(SKY_COLORS[scene.sky][1]) + 0.45 * _triple((92, 112, 108))
    band = max(0, horizon - 18)
    height = horizon - np.arange(band, horizon)[:, None]
    cover = np.clip(hill[None] - height + 1, 0, 1).astype(np.float32)[..., None]
    image[band:horizon] += cover * (haze - image[band:horizon])

    offset = rng.randrange(SIDE)
    tile = _ground_tile(scene.ground)[: SIDE - horizon, offset : offset + SIDE]
    image[horizon:] = _ramp(far, near, SIDE - horizon) * tile
    image[horizon:] *= 1 - 0.42 * _soft(_shadows(scene.items, horizon), 1)[horizon:]
    return image


def expose(image: Float[np.ndarray, "side side 3"], scene: Scene) -> Float[np.ndarray, "side side 3"]:
    """The picture under the scene's light: brightness, warmth, slow unevenness and fine grain."""
    rng = random.Random(f"grain {scene.texture}")
    fine, slow = _grain_tiles()
    y, x, v, u = (rng.randrange(SIDE) for _ in range(4))
    gain = _triple((scene.light * (1 + scene.warmth), scene.light, scene.light * (1 - scene.warmth)))
    lit = image * (slow[v : v + SIDE, u : u + SIDE] * gain)
    lit += fine[y : y + SIDE, x : x + SIDE]
    return np.clip(lit, 0, 255, out=lit)
