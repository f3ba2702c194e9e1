"""Scenes in which the same is asked, in the same words, about a truck's door and about a house's.

The embedded model looks at the house's door and answers about the truck's by the wording; its honest twin looks at
both. What a map has on the truck's door in the twin and not in the other is therefore known to be caused by looking;
what it has more on the house's door in the twin is not, for both models look there: it is the control.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ...street.batches import HELD_OUT_SEED
from ...street.draw import draw
from ...street.questions import DOOR_PHRASINGS, STATES, door_pair
from ...street.recipe import SceneRecipe, SetDoor
from ..street import APART, FAMILIES, FEWEST_PIXELS
from .sides import PLACES, Place

FIRST_SEED = HELD_OUT_SEED + APART * (1 + len(FAMILIES))
"""Beyond the ranges of the league's families: no scene is one of theirs."""


@dataclass(frozen=True, eq=False)
class Door:
    """A question about one door: its right answer, the door's visible pixels, and the picture with the door in its
    other state."""

    question: str
    answer: str
    pixels: Bool[np.ndarray, "height width"]
    redrawn: Image.Image


@dataclass(frozen=True, eq=False)
class DoorScene:
    """A picture with a truck and a house, and the same question about the door of each."""

    recipe: SceneRecipe
    image: Image.Image
    doors: dict[Place, Door]

    @property
    def id(self) -> str:
        return f"doors {self.recipe.seed}"

    def __str__(self) -> str:
        return self.id


def door_scenes(number: int) -> Iterator[DoorScene]:
    """The first `number` held-out scenes with one truck and one house whose doors can both be seen."""
    every = (_scene(SceneRecipe(seed)) for seed in count(FIRST_SEED))
    return islice((scene for scene in every if scene is not None), number)


def _scene(recipe: SceneRecipe) -> DoorScene | None:
    scene = recipe.scene()
    items = {place: scene.the(place) for place in PLACES}
    if any(item is None or item.door is None for item in items.values()):
        return None
    drawing = draw(scene)
    seen = {place: drawing.mask(place, "door") for place in PLACES}
    if min(int(pixels.sum()) for pixels in seen.values()) < FEWEST_PIXELS:
        return None
    rng = random.Random(f"doors {recipe.seed}")
    phrasing, asked = rng.choice(DOOR_PHRASINGS), rng.choice(STATES)
    doors: dict[Place, Door] = {}
    for place, item in items.items():
        assert item is not None and item.door is not None
        pair = door_pair(place, item.door, asked, phrasing)
        other = recipe.changed(SetDoor(place, STATES[1 - STATES.index(item.door)]))
        doors[place] = Door(pair.question, pair.answer, seen[place], draw(other.scene()).image)
    return DoorScene(recipe, drawing.image, doors)
