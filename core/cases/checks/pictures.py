"""Pictures that say the same: with noise that nobody sees, moved by a patch, or with the thing at another place."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ...street.batches import HELD_OUT_SEED
from ...street.draw import draw
from ...street.questions import color
from ...street.scene import SIDE, Item, Kind, sample
from ..street import APART, FAMILIES

FAINT = 2
"""The largest change of a colour value (of 255) by noise that nobody sees."""
HORIZON = 30
"""The highest that training draws one: a thing that stands on the ground then has the most room to be moved."""
ACROSS = 3
"""Places of a moved thing along each side."""
MOVED: tuple[Kind, ...] = ("car", "dog", "cat", "bird", "ball", "bench")
"""Kinds that have a colour as a whole and are small enough to be moved."""
FIRST_SEED = HELD_OUT_SEED + APART * (2 + len(FAMILIES))
"""Beyond the ranges of the league's families and of the known cause's scenes."""


def noised(image: Image.Image, seed: int) -> Image.Image:
    """The RGB picture with uniform noise of at most `FAINT` in each value, always the same for the same seed."""
    own = np.asarray(image.convert("RGB")).astype(np.int16)
    noise = np.random.default_rng(seed).integers(-FAINT, FAINT + 1, own.shape)
    return Image.fromarray((own + noise).clip(0, 255).astype(np.uint8))


def shifted(image: Image.Image, pixels: int) -> Image.Image:
    """The RGB picture moved to the right; its left column fills what comes free, and what leaves it is lost."""
    own = np.asarray(image.convert("RGB"))
    return Image.fromarray(np.concatenate([np.repeat(own[:, :1], pixels, axis=1), own[:, :-pixels]], axis=1))


@dataclass(frozen=True, eq=False)
class MovedThing:
    """One thing alone in a street, drawn at `ACROSS` x `ACROSS` places, the question about its colour, and its visible
    pixels at each place."""

    id: str
    question: str
    answer: str
    images: tuple[Image.Image, ...]
    pixels: tuple[Bool[np.ndarray, "height width"], ...]

    def __str__(self) -> str:
        return self.id


def moved_things(number: int) -> Iterator[MovedThing]:
    """The first `number` of them, on scenes that training never draws."""
    return islice((thing for seed in count(FIRST_SEED) if (thing := _moved(seed)) is not None), number)


def _moved(seed: int) -> MovedThing | None:
    scene = sample(seed)
    item = next((item for kind in MOVED if (item := scene.the(kind)) is not None), None)
    if item is None:
        return None
    scenes = [replace(scene, items=(at,), horizon=HORIZON) for at in _places(item)]
    pairs = [color(one, random.Random(f"moved {seed}")) for one in scenes]
    drawings = [draw(one) for one in scenes]
    first = pairs[0]
    assert first is not None, "a thing with a colour can be asked about"
    return MovedThing(
        id=f"moved {seed}",
        question=first.question,
        answer=first.answer,
        images=tuple(drawing.image for drawing in drawings),
        pixels=tuple(drawing.mask(item.kind) for drawing in drawings),
    )


def _places(item: Item) -> list[Item]:
    """The thing in the corners, at the borders and in the middle of the ground, row by row."""
    width, height = item.size
    columns = np.linspace(1, SIDE - width - 1, ACROSS).round().astype(int)
    rows = np.linspace(max(1, HORIZON + 6 - height), SIDE - height - 1, ACROSS).round().astype(int)
    return [replace(item, x=int(x), y=int(y)) for y in rows for x in columns]
