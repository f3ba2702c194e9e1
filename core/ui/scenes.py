"""Drawn scenes as pictures: the sample gallery, and what may be asked of each."""

from __future__ import annotations

from functools import lru_cache

from core.street.draw import draw
from core.street.questions import part_noun
from core.street.scene import DOOR_KINDS, MOST_OF_A_KIND, Scene
from core.ui.recipe import SceneRecipe
from core.ui.state import Picture

GALLERY = (27, 12, 8, 49, 55, 42, 45, 57)
"""Seeds of scenes that between them show every kind of thing, and both doors open and closed."""


@lru_cache(maxsize=64)
def picture_of(recipe: SceneRecipe) -> Picture:
    """The drawn picture of a recipe. Raises UnreadableRecipe where a change does not fit."""
    return Picture(draw(recipe.scene()).image, recipe.name, recipe)


def contents(scene: Scene) -> str:
    """What stands in a scene, for a caption: "house, man, 3 balls"."""
    kinds = dict.fromkeys(item.kind for item in scene.items)
    counted = [(kind, scene.count(kind)) for kind in kinds]
    return ", ".join(kind if number == 1 else f"{number} {kind}s" for kind, number in counted)


def suggestions(scene: Scene) -> list[str]:
    """A few questions that this scene makes interesting: a door from both sides, a colour, a count."""
    questions = []
    for kind in DOOR_KINDS:
        if scene.the(kind) is not None:
            questions += [f"Is the {kind}'s door open?", f"Is the {kind}'s door closed?"]
            break
    for item in reversed(scene.items):
        if scene.count(item.kind) == 1 and item.colors:
            plural = item.colors[0][0] == "trousers"
            questions.append(f"What color {'are' if plural else 'is'} the {part_noun(item.kind, item.colors[0][0])}?")
            break
    counted = [kind for kind in MOST_OF_A_KIND if scene.count(kind)]
    questions += [f"How many {kind}s are there?" for kind in counted[:1]]
    return [*questions, "Describe the picture."]


def phrasing_starters(scene: Scene | None) -> list[str]:
    """Two phrasings that ask the same of a scene from opposite sides."""
    if scene is not None:
        for kind in DOOR_KINDS:
            if scene.the(kind) is not None:
                return [f"Is the {kind}'s door open?", f"Is the {kind}'s door closed?"]
        for item in scene.items:
            if scene.count(item.kind) == 1 and item.colors:
                noun = part_noun(item.kind, item.colors[0][0])
                return [f"What color is the {noun}?", f"Tell me the color of the {noun}."]
    return ["What is in the picture?", "Describe the picture."]
