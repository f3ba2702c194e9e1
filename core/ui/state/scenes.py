"""Drawn scenes as pictures: the sample gallery, and what may be asked of each."""

from __future__ import annotations

import re
from functools import lru_cache

from ...street import questions as ask
from ...street.draw import draw
from ...street.questions import part_noun
from ...street.recipe import SceneRecipe
from ...street.scene import DOOR_KINDS, MOST_OF_A_KIND, Scene
from .workspace import NamedImage

GALLERY = (27, 12, 8, 49, 55, 42, 45, 57)
"""Seeds of scenes that between them show every kind of thing, and both doors open and closed."""

ALL_PHRASINGS = (
    ask.COLOR_PHRASINGS,
    ask.EXISTENCE_PHRASINGS,
    ask.DOOR_PHRASINGS,
    ask.DOOR_CHOICE_PHRASINGS,
    ask.COUNT_PHRASINGS,
    ask.POSITION_PHRASINGS,
    ask.RELATION_PHRASINGS,
    ask.SIDE_PHRASINGS,
    ask.FURTHER_PHRASINGS,
    ask.COMPARISON_PHRASINGS,
    ask.DESCRIBE_PHRASINGS,
)
"""Wordings of one question stand together; words in braces are what is asked about."""


@lru_cache(maxsize=64)
def image_of(recipe: SceneRecipe) -> NamedImage:
    """The drawn picture of a recipe. Raises UnreadableRecipe where a change does not fit."""
    return NamedImage(draw(recipe.scene()).image, recipe.name, recipe)


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


def reworded(question: str) -> str | None:
    """The same question in other words, where it is one that the drawn world knows how to ask."""
    for phrasings in ALL_PHRASINGS:
        for place, phrasing in enumerate(phrasings):
            pattern = re.sub(r"\\{(\w+)\\}", _slot, re.escape(phrasing))
            if match := re.fullmatch(pattern, question.strip()):
                slots = {"a": "open", "b": "closed"} | match.groupdict()  # "How is the truck's door?" names neither
                plural = slots.get("thing", "").endswith("trousers")
                verbs = {"is": "are" if plural else "is", "does": "do" if plural else "does"}
                return phrasings[(place + 1) % len(phrasings)].format(**slots | verbs)
    return None


def _slot(brace: re.Match[str]) -> str:
    """What may stand in place of a word in braces: "truck", "man's shirt" and the like, where it is no fixed word."""
    fixed = {"is": "is|are", "does": "does|do", "state": "open|closed", "side": "left|right"}
    noun = r"\w+(?:'s \w+)?"
    return f"(?P<{brace[1]}>{fixed.get(brace[1], noun)})"


def phrasing_starters(scene: Scene | None, asked: str | None = None) -> list[str]:
    """Two phrasings of one question. For the question that was `asked` the same in other words ("" where none are
    known); without one, or where it is one of them, what may be asked of a scene from opposite sides."""
    opposite = _opposite_sides(scene)
    if asked is None or asked in opposite:
        return opposite
    return [asked, reworded(asked) or ""]


def _opposite_sides(scene: Scene | None) -> list[str]:
    if scene is not None:
        for kind in DOOR_KINDS:
            if scene.the(kind) is not None:
                return [f"Is the {kind}'s door open?", f"Is the {kind}'s door closed?"]
        for item in scene.items:
            if scene.count(item.kind) == 1 and item.colors:
                noun = part_noun(item.kind, item.colors[0][0])
                return [f"What color is the {noun}?", f"Tell me the color of the {noun}."]
    return ["What is in the picture?", "Describe the picture."]
