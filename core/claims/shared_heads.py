"""Are colours seen and colours read said by the same heads?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..street.recipe import SceneRecipe
from ..vlm.cancel import CancelToken
from ..vlm.model import VisionLanguageModel
from .claim import Claim, Conclusion, Measure, Sample
from .figures import Figure, Measurement, column
from .measures.overlap import halves_in_common
from .measures.rankings import TOP, head_table, overlap
from .measures.seen_and_read import colored_scenes, seen_and_read
from .verdict import exceeds


class SharedHeads(Claim[SceneRecipe]):
    """Textual against visual colour questions, about the same things in the same words."""

    key = "shared_heads"
    name = "The same heads say a colour seen and a colour read"
    says = (
        "Visual question answering works as textual question answering does: the heads that matter most for the colour "
        "in the answer are the same, whether it is seen in a picture or read in a sentence."
    )
    paper = (
        "Yu and Ananiadou 2024, Understanding Multimodal LLMs: the Mechanistic Interpretability of LLaVA in Visual "
        "Question Answering"
    )
    link = "https://arxiv.org/abs/2411.10950"
    measured = (
        "The log-probability increase of the colour word by every head, for one question (“What color is the car?”) "
        "asked of a picture, and after sentences that tell its colours (“The dog is orange. The car is red. What color "
        f"is the car?”); questions answered right both ways. Counted are the heads that both have among their {TOP} "
        "with the largest mean increase."
    )
    control = (
        "Two sets of heads drawn at random (hypergeometric), and the heads of another question about the same pictures "
        "(“Where is the car?”). Beside it, and not part of the rule: random sets with as many heads in each layer; two "
        "halves of the pictures, the most that can be expected."
    )
    rule = (
        "Reproduces where random sets have as many heads in common in fewer than 5 of 100 draws, and where they are "
        "more than a colour and a place question about the same pictures have in common: the 95 % intervals must lie "
        "apart."
    )
    caveat = (
        "The intervals are over scenes and not over heads. Of few heads many are shared by chance: of 36 heads, 10 are "
        "more than a quarter of the model, and two random sets of 10 share 2.8 on average. A head in common need not "
        "do the same in both; and that pictures use what the language model had before it saw any, which Yu and "
        "Ananiadou conclude, is not shown: both questions are put to the finished model."
    )
    planted = "Training begins with textual questions alone; pictures come later, to the same decoder."
    settings: ClassVar[Mapping[str, Any]] = {"top": TOP}
    scenes = 16
    order = 40
    former_keys = ("textual_visual",)

    def subjects(self) -> Iterator[tuple[str, SceneRecipe]]:
        return colored_scenes()

    def measure(self, model: VisionLanguageModel, cancel: CancelToken | None) -> Measure[SceneRecipe]:
        def measured(recipe: SceneRecipe, cancel: CancelToken | None) -> Sample:
            both = seen_and_read(model, recipe, cancel)
            heads = {"picture": both.seen, "text": both.read, "place": both.of_place}
            values = {name: table.tolist() for name, table in heads.items()} if both.right else None
            return Sample(values, (both.seen_example, both.read_example))

        return measured

    def conclude(self, measurements: Sequence[Measurement]) -> Conclusion:
        images, texts, places = (column(measurements, name) for name in ("picture", "text", "place"))
        same = overlap("pictures and sentences", images, texts)
        other = overlap("colours and places in pictures", images, places)
        halves = halves_in_common(images, same.top)
        more = "more than" if same.same > other.same else "no more than"
        return Conclusion(
            {
                "more than random heads": same.beyond_chance,
                "more than the heads for colours and for places": exceeds(same.share, other.share),
            },
            f"{same.told} That is {more} the heads for colours share with those for places in the same pictures "
            f"({other.same}).",
            (
                *same.figures,
                *other.figures,
                Figure(same.figures[0].what, "two halves of the pictures", halves, control=True),
            ),
            {
                "raise the colour seen": head_table(images),
                "raise the colour read": head_table(texts),
                "raise the place seen": head_table(places),
            },
        )
