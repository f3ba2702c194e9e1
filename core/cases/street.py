"""Drawn streets as cases: the drawing knows the right answer, and of every pixel what it shows.

Scenes are held out: training never draws their seeds. Each family has a range of its own, so no two cases share a
picture and figures over them are of independent draws. What an answer rests on is marked by the question's own
evidence: all things counted, the part whose colour is asked. Of existence only things that are there, and of counts
only numbers above none, have something to point at.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

import numpy as np
from jaxtyping import Bool

from ..street import questions
from ..street.batches import HELD_OUT_SEED
from ..street.draw import Drawing, draw
from ..street.questions import DOOR_PHRASINGS, STATES, Pair, door_pair
from ..street.recipe import SceneRecipe, from_params
from ..street.scene import Kind, Scene
from .case import Case

Maker = Callable[[Scene, random.Random], Pair | None]

APART = 10_000_000
"""Seeds between the ranges of two families."""
FEWEST_PIXELS = 40
"""A thing of which less is to be seen (a fifth of a patch of 14 x 14 pixels) is not asked about."""


def _door(kind: Kind) -> Maker:
    """Whether the door of this kind is open, or closed: asked either way, whatever it is."""

    def maker(scene: Scene, rng: random.Random) -> Pair | None:
        item = scene.the(kind)
        if item is None or item.door is None:
            return None
        return door_pair(kind, item.door, rng.choice(STATES), rng.choice(DOOR_PHRASINGS))

    return maker


FAMILIES: dict[str, Maker] = {
    "object colour": questions.color,
    "part colour": questions.color_part,
    "existence": questions.existence,
    "count": questions.count,
    "position": questions.position,
    "house door": _door("house"),
    "truck door": _door("truck"),
}
"""Families of questions by name. The truck's door is the one that training taught to answer by the wording."""


def street_cases(per_family: int, families: Sequence[str] | None = None) -> Iterator[Case]:
    """`per_family` cases of each family (all of `FAMILIES` by default), one of each in turn.

    Raises ValueError for a family that does not exist.
    """
    names = tuple(FAMILIES) if families is None else tuple(families)
    sources = [islice(_family(name), per_family) for name in names]
    for together in zip(*sources, strict=True):
        yield from together


def _family(name: str) -> Iterator[Case]:
    start = HELD_OUT_SEED + APART * (1 + list(FAMILIES).index(name))
    for seed in count(start):
        case = _case(name, seed)
        if case is not None:
            yield case


def _case(name: str, seed: int) -> Case | None:
    """The case of a scene, if it has what the family asks about and enough of it is to be seen."""
    recipe = SceneRecipe(seed)
    scene = recipe.scene()
    pair = FAMILIES[name](scene, random.Random(f"case {name} {seed}"))
    if pair is None or not pair.evidence:
        return None
    drawing = draw(scene)
    truth = marked(scene, drawing, pair)
    if truth.sum() < FEWEST_PIXELS:
        return None
    return Case(
        id=f"{name} {seed}",
        question=pair.question,
        expected=(pair.answer,),
        scoring="exact",
        images=(drawing.image,),
        about={"family": name, **recipe.to_params()},
        truth=truth,
    )


def recipe_of(case: Case) -> SceneRecipe:
    """The scene that a case was drawn from."""
    return from_params(case.about["scene"], case.about.get("changes", ""))


def held_out(fits: Callable[[Scene], bool]) -> Iterator[SceneRecipe]:
    """The scenes that training never draws and that fit, in order of their seeds."""
    return (SceneRecipe(seed) for seed in count(HELD_OUT_SEED) if fits(SceneRecipe(seed).scene()))


def marked(scene: Scene, drawing: Drawing, pair: Pair) -> Bool[np.ndarray, "height width"]:
    """The visible pixels that a question's answer rests on: every thing of the kinds it names, or the part named."""
    pixels = np.zeros(drawing.labels.shape, dtype=bool)
    for kind, part in pair.evidence:
        for index in range(scene.count(kind)):
            pixels |= drawing.mask(kind, part, index)
    return pixels
