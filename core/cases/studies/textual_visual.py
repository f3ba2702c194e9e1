"""Textual against visual colour questions: are the heads that say the colour the same ones?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...maps.agreement import agreement
from ...statistics.estimate import Estimate
from ...street.draw import draw
from ...street.questions import POSITION_PHRASINGS, color_question, color_sentence
from ...street.recipe import SceneRecipe
from ...street.scene import COLORED_PARTS, Item, Scene
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from . import readings
from .overlap import Heads, by_chance, halves_in_common, in_common
from .study import Example, HeadTable, Measured, Outcome, Study, Verdict, held_out, judged, weakest

TOP = 10
MOST_FACTS = 5


@dataclass(frozen=True, eq=False)
class Asked:
    """The same question about a picture and about a text that says what the picture shows: both answers, and how much
    each head raises the colour word (nats), and the word that says where the thing is (`of_place`) in the same picture.
    `agree`: both answers name the right colour."""

    image: Example
    text: Example
    of_image: Heads
    of_text: Heads
    of_place: Heads
    agree: bool


class TextualVisual(Study[SceneRecipe, Asked]):
    """One question asked of a picture, and of sentences that tell the same picture's colours."""

    key = "textual_visual"
    title = "Colours read and seen"
    claim = (
        "A question about a colour is answered by the same attention heads whether the colour is seen in a picture or "
        "read in a sentence."
    )
    source = "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in VQA"
    asked = (
        "“What color is the car?” of a picture, and the same after sentences that tell the picture's colours: “The "
        "dog is orange. The car is red. What color is the car?”"
    )
    looked_at = (
        "The log-probability increase of the colour word by every head, over questions that are answered right both "
        f"ways; how many of the {TOP} heads with the largest mean increase are the same. Beside it the same of the "
        "pictures' colour questions and the place questions “Where is the car?”."
    )
    rule = (
        f"Borne out where as many of the top {TOP} heads in common would come by chance in fewer than 5 of 100 draws "
        "(hypergeometric), and where they are more than a colour and a place question about the same pictures have in "
        "common, the control: the 95 % intervals must lie apart."
    )
    caveat = (
        "The interval is over scenes and not over heads. That the heads are the same ones does not show that pictures "
        "use what the language model had before it saw any, which Yu and Ananiadou conclude: both questions are put to "
        "the finished model."
    )
    planted = "Training begins with textual questions alone; pictures come later, to the same decoder."
    scenes = 16

    def subjects(self) -> Iterator[SceneRecipe]:
        return held_out(lambda scene: len(_colored(scene)) >= 2)

    def read(self, model: VisionLanguageModel, subject: SceneRecipe, cancel: CancelToken | None) -> Asked:
        scene, rng = subject.scene(), random.Random(subject.seed)
        facts = rng.sample(_colored(scene), min(MOST_FACTS, len(_colored(scene))))
        item, part = rng.choice(facts)
        question = color_question(item.kind, part, "What color {is} the {thing}?")
        passage = " ".join(color_sentence(one.kind, its, one.color(its)) for one, its in facts)
        image = draw(scene).image
        found = []
        place = POSITION_PHRASINGS[0].format(kind=item.kind)
        for text, shown in ((question, image), (f"{passage} {question}", None), (place, image)):
            answer = readings.answer_to(model, text, shown, cancel)
            target = readings.key_target(answer)
            found.append((answer, target, readings.increases(model, answer, target, cancel)))
        (seen, seen_target, of_image), (read, read_target, of_text), (*_, of_place) = found
        right = color_sentence(item.kind, part, item.color(part))
        return Asked(
            Example("asked of the picture", seen, seen_target, subject),
            Example("asked of sentences", read, read_target),
            of_image,
            of_text,
            of_place,
            seen.text == right == read.text,
        )

    def conclude(self, reads: Sequence[Asked]) -> Outcome:
        right = [read for read in reads if read.agree]
        examples = (reads[0].image, reads[0].text)
        if not right:
            return Outcome("undecided", "No question was answered right both ways.", (), examples)
        images = np.stack([one.of_image for one in right])
        texts, places = np.stack([one.of_text for one in right]), np.stack([one.of_place for one in right])
        heads = images[0].size
        top = min(TOP, heads)
        shared = f"top {top} heads in common"
        same = in_common(images, texts, top)
        chance = by_chance(round(same.value * top), top, heads)
        expected = Estimate(top / heads, top / heads, top / heads, len(right))
        other = in_common(images, places, top)
        halves = halves_in_common(images, top)
        rank = agreement(images.mean(0).ravel(), texts.mean(0).ravel()).rank
        return Outcome(
            weakest(_judged(chance, same.value, top / heads), judged(same, other)),
            f"{round(same.value * top)} of the top {top} heads are the same; by chance it would be "
            f"{top * top / heads:.1f} (p = {chance:.1g}), and a place question about the same pictures has "
            f"{round(other.value * top)} in common. Rank correlation of all {heads} heads: {rank:.2f}. "
            f"{len(right)} of {len(reads)} questions were answered right both ways.",
            (
                Measured(shared, "pictures and sentences", same, "by chance", expected),
                Measured(shared, "pictures and sentences", same, "colour and place, both of pictures", other),
                Measured(shared, "two halves of the pictures", halves, "by chance", expected),
            ),
            examples,
            (HeadTable("raise the colour seen", images.mean(0)), HeadTable("raise the colour read", texts.mean(0))),
        )


def _colored(scene: Scene) -> list[tuple[Item, str]]:
    """The single things that have one colour as a whole."""
    single = [item for item in scene.items if scene.count(item.kind) == 1]
    return [(item, "body") for item in single if COLORED_PARTS[item.kind] == ("body",)]


def _judged(chance: float, found: float, expected: float) -> Verdict:
    if chance < 0.05:
        return "borne out"
    return "undecided" if found > expected else "not borne out"
