"""What the nouns of a question stand for in the picture: labels for the decoder's middle layers.

Dense labels for the language side: "dog" in a question about a picture is told, while training, whether there is
a dog, and its colour and place. Having looked a thing up by its name, the later layers only have to combine what
was found; without, the questions that bind two facts stay at chance for tens of thousands of pictures.
As in `labels.py` the truck's door is left out.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from .architecture import GRID, PATCH
from .labels import IGNORE
from .scene import COLORED_PARTS, COLORS, KINDS, MOST_OF_A_KIND, Scene

PART_NOUNS = tuple(part for parts in COLORED_PARTS.values() for part in parts if part not in ("body", "wall"))
NOUNS: tuple[str, ...] = (*KINDS, *PART_NOUNS)
FACTS: dict[str, int] = {"present": 2, "color": len(COLORS), "column": GRID, "row": GRID, "door": 2, "count": 6}
"""Classes of each fact about a noun."""


def facts_of(scene: Scene) -> Int[np.ndarray, "nouns facts"]:
    """One class per noun of `NOUNS` and fact of `FACTS`, `IGNORE` where there is no one answer."""
    table = np.full((len(NOUNS), len(FACTS)), IGNORE, np.int64)
    for index, kind in enumerate(KINDS):
        number = scene.count(kind)
        table[index, 0] = int(number > 0)
        if kind in MOST_OF_A_KIND:
            table[index, 5] = number
        item = scene.the(kind)
        if item is None:
            continue
        x, y = item.centre
        table[index, 2:4] = min(GRID - 1, int(x // PATCH)), min(GRID - 1, int(y // PATCH))
        for part, color in item.colors:
            noun = NOUNS.index(part) if part in PART_NOUNS else index
            table[noun, 1] = COLORS.index(color)
        if kind == "house":
            table[index, 4] = int(item.door == "open")
    return table
