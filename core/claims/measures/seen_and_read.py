"""One question about a colour, asked of a picture and of sentences that tell the same picture's colours."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from ...answer import Answer, Target
from ...cases.key_word import answer_to, head_increases_of, key_target
from ...cases.street import held_out
from ...street.draw import draw
from ...street.questions import POSITION_PHRASINGS, color_question, color_sentence
from ...street.recipe import SceneRecipe
from ...street.scene import COLORED_PARTS, Item, Scene
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..claim import Example
from .overlap import Heads

MOST_FACTS = 5


@dataclass(frozen=True, eq=False)
class SeenAndRead:
    """Both answers, and how much each head raises the colour word (nats) that was `seen` and that was `read`; and the
    word that says where the thing is (`of_place`), in the same picture. `right`: both name the right colour."""

    seen_example: Example
    read_example: Example
    seen: Heads
    read: Heads
    of_place: Heads
    right: bool


def colored_scenes() -> Iterator[tuple[str, SceneRecipe]]:
    """Held-out scenes with two things or more to tell the colours of, by name."""
    return ((str(recipe.seed), recipe) for recipe in held_out(lambda scene: len(_colored(scene)) >= 2))


def seen_and_read(model: VisionLanguageModel, recipe: SceneRecipe, cancel: CancelToken | None) -> SeenAndRead:
    """Ask it both ways. Raises what asking raises."""
    scene, rng = recipe.scene(), random.Random(recipe.seed)
    facts = rng.sample(_colored(scene), min(MOST_FACTS, len(_colored(scene))))
    item, part = rng.choice(facts)
    question = color_question(item.kind, part, "What color {is} the {thing}?")
    passage = " ".join(color_sentence(one.kind, its, one.color(its)) for one, its in facts)
    place = POSITION_PHRASINGS[0].format(kind=item.kind)
    image = draw(scene).image

    def asked(text: str, shown: Image.Image | None) -> tuple[Answer, Target, Heads]:
        answer = answer_to(model, text, shown, cancel)
        target = key_target(answer)
        return answer, target, head_increases_of(model, answer, target, cancel)

    seen, seen_target, heads_seen = asked(question, image)
    read, read_target, heads_read = asked(f"{passage} {question}", None)
    *_, heads_of_place = asked(place, image)
    return SeenAndRead(
        Example("asked of the picture", seen, seen_target, recipe),
        Example("asked of sentences", read, read_target),
        heads_seen,
        heads_read,
        heads_of_place,
        seen.text == color_sentence(item.kind, part, item.color(part)) == read.text,
    )


def _colored(scene: Scene) -> list[tuple[Item, str]]:
    """The single things that have one colour as a whole."""
    single = [item for item in scene.items if scene.count(item.kind) == 1]
    return [(item, "body") for item in single if COLORED_PARTS[item.kind] == ("body",)]
