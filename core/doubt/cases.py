"""Drawn cases for doubt: things that are asked about as if they were there, whether they are or not.

The embedded model is right nearly always where training asked the like. Two kinds of questions make it wrong: the
truck's door, which it answers by the wording, and the colour of a thing that is not in the picture, which nothing
taught it to refuse.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, islice

from ..cases.case import Case
from ..cases.street import APART, FAMILIES, street_cases
from ..street.batches import HELD_OUT_SEED
from ..street.draw import draw
from ..street.questions import COLOR_PHRASINGS, color_question, color_sentence
from ..street.recipe import SceneRecipe
from ..street.scene import COLORED_PARTS, Kind

THINGS = "colour of a thing"
"""The family of questions about the colour of something that is there, or is not, in equal parts."""
PARTS = len(FAMILIES) + 2
"""Of how many times `per_family` the drawn cases are: each of the street's families, and both halves of `THINGS`."""
FIRST_SEED = HELD_OUT_SEED + APART * (8 + len(FAMILIES))
"""Beyond the ranges of all other drawn cases."""
ASKED: dict[Kind, str] = {
    kind: part for kind, parts in COLORED_PARTS.items() for part in parts if part in ("body", "wall")
}
"""Kinds that have a colour as a whole, and the part that has it."""
THING, THERE = "thing", "there"
"""In `Case.about`: which thing the question takes to be there, and whether it is ("yes", "no")."""


def doubt_cases(per_family: int) -> Iterator[Case]:
    """`per_family` cases of each of the street's families, and as many of each half of `THINGS`."""
    yield from street_cases(per_family)
    yield from thing_cases(2 * per_family)


def thing_cases(number: int) -> Iterator[Case]:
    """The colour of a thing, in the phrasings that training asks in: by turns of one that is in the picture, once, and
    of one that is not."""
    wanted = count()
    seeds = count(FIRST_SEED)

    def every() -> Iterator[Case]:
        for turn in wanted:
            yield next(case for seed in seeds if (case := _case(seed, turn % 2 == 0)) is not None)

    return islice(every(), number)


def _case(seed: int, there: bool) -> Case | None:
    recipe = SceneRecipe(seed)
    scene = recipe.scene()
    kinds = [kind for kind in ASKED if scene.count(kind) == (1 if there else 0)]
    if not kinds:
        return None
    rng = random.Random(f"doubt {seed}")
    kind = rng.choice(kinds)
    question = color_question(kind, ASKED[kind], rng.choice(COLOR_PHRASINGS))
    item = scene.the(kind) if there else None
    return Case(
        id=f"{THINGS} {seed}",
        question=question,
        expected=() if item is None else (color_sentence(kind, ASKED[kind], item.color(ASKED[kind])),),
        scoring="exact",
        images=(draw(scene).image,),
        about={"family": THINGS, THING: kind, THERE: "yes" if there else "no", **recipe.to_params()},
    )
