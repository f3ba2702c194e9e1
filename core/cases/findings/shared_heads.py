"""(a) Are colours seen and colours read said by the same heads?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

from ...street.recipe import SceneRecipe
from ...vlm.cancel import CancelToken
from ...vlm.model import VisionLanguageModel
from ..studies.overlap import halves_in_common
from ..studies.textual_visual import TextualVisual
from .finding import Conclusion, Finding, Reader, Reading, column, quantity
from .overlaps import TOP, head_table, overlap

STUDY = TextualVisual()


class SharedHeads(Finding[SceneRecipe]):
    """Textual against visual colour questions, about the same things in the same words."""

    key = "shared_heads"
    title = "The same heads say a colour seen and a colour read"
    claim = (
        "Visual question answering works as textual question answering does: the heads that matter most for the colour "
        "in the answer are the same."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering"
    )
    measured = (
        "The log-probability increase of the colour word by every head, for one question asked of a picture and of "
        "sentences that tell its colours; questions answered right both ways. Counted are the heads that both kinds "
        f"have among their {TOP} with the largest mean increase."
    )
    baseline = (
        "Two sets of heads drawn at random (hypergeometric). Beside it, and not part of the rule: random sets with as "
        "many heads in each layer; the heads of another question (where the thing is) about the same pictures; two "
        "halves of the pictures, the most that can be expected."
    )
    rule = "Reproduces where random sets have as many heads in common in fewer than 5 of 100 draws."
    caveat = (
        "Of few heads many are shared by chance: of 36 heads, 10 are more than a quarter of the model, and two random "
        "sets of 10 share 2.8 on average. Heads that raise any word of any sentence are counted, too: the other "
        "question says how many. A head in common need not do the same in both."
    )
    settings: ClassVar[Mapping[str, Any]] = {"top": TOP}

    def subjects(self, scenes: int) -> Iterator[tuple[str, SceneRecipe]]:
        return ((str(recipe.seed), recipe) for recipe in islice(STUDY.subjects(), scenes))

    def reader(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Reader[SceneRecipe]:
        def read(recipe: SceneRecipe, cancel: CancelToken | None) -> Reading | None:
            found = STUDY.read(model, recipe, cancel)
            if not found.agree:
                return None
            tables = {"picture": found.of_image, "text": found.of_text, "place": found.of_place}
            return {name: table.tolist() for name, table in tables.items()}

        return read

    def conclude(self, readings: Sequence[Reading]) -> Conclusion:
        images, texts, places = (column(readings, name) for name in ("picture", "text", "place"))
        found = overlap("pictures and sentences", images, texts)
        other = overlap("colours and places in pictures", images, places)
        halves = halves_in_common(images, found.top)
        more = "more than" if found.same > other.same else "no more than"
        return Conclusion(
            found.significant,
            f"{found.told} That is {more} the heads for colours share with those for places in the same pictures "
            f"({other.same}).",
            (
                *found.figures,
                *other.figures,
                quantity(found.figures[0].what, "two halves of the pictures", halves, control=True),
            ),
            {
                "raise the colour seen": head_table(images),
                "raise the colour read": head_table(texts),
                "raise the place seen": head_table(places),
            },
        )
